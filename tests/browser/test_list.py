"""The list at three in the morning: find what failed, see why, set it right; with the keyboard, with many jobs."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.dynos import wait_for


def fail(dynos, *labels, message="asked to fail"):
    """Jobs that have failed, without a worker's help."""
    for label in labels:
        id = dynos.task("sample").delay({"label": label, "seconds": 0}).id
        start = dynos.store.start(id, "w", 60, "sample", "{}", 1, "default")
        if isinstance(start, str):  # the worker was faster
            continue
        dynos.store.settle(id, start.token, "w", "failed", error={"type": "ValueError", "message": message})


def test_a_failed_group_is_found_and_retried_in_three_clicks(owner, dynos):
    fail(dynos, *(f"bad {n}" for n in range(5)))
    fail(dynos, "other", message="something else")
    owner.click(".counts a.failed")
    expect(owner.locator(".groups li")).to_have_count(2)
    expect(owner.locator(".groups li").first).to_contain_text("5 × sample")
    dynos.worker()
    owner.click(".groups button >> text=Retry 5")
    expect(owner.locator("#said")).to_have_text("5 jobs are tried again.")
    expect(owner.locator(".counts a.succeeded b")).to_have_text("5", timeout=15_000)
    expect(owner.locator(".counts a.failed b")).to_have_text("1")


def test_those_ticked_are_counted_on_the_buttons_and_stay_ticked_when_the_list_changes(owner, dynos):
    fail(dynos, "one", "two", "three")
    owner.reload()
    retry = owner.locator(".bulk button[value=retry]")
    expect(retry).to_be_disabled()
    expect(retry).to_have_attribute("title", "Tick jobs, or take")
    owner.get_by_label("Choose one").check()
    owner.get_by_label("Choose two").check()
    expect(retry).to_have_text("Retry 2")
    fail(dynos, "four")
    expect(owner.locator("tbody tr")).to_have_count(4, timeout=10_000)
    expect(owner.get_by_label("Choose one")).to_be_checked()
    expect(retry).to_have_text("Retry 2")
    retry.click()
    expect(owner.locator("#said")).to_have_text("2 jobs are tried again.")
    owner.locator("#page-all").check()
    expect(owner.locator(".bulk button[value=delete]")).to_have_text("Delete 4")


def test_enter_in_a_checkbox_does_nothing_to_the_first_job(owner, dynos):
    fail(dynos, "one", "two")
    owner.reload()
    owner.get_by_label("Choose two").focus()
    owner.keyboard.press("Enter")
    owner.wait_for_timeout(500)
    assert dynos.store.counts()["failed"] == 2


def test_everything_that_matches_is_deleted_after_the_number_was_said(owner, dynos):
    fail(dynos, *(f"bad {n}" for n in range(60)))
    owner.goto(dynos.base + "/?state=failed")
    owner.get_by_label("all 60 that match").check()
    owner.click(".bulk button[value=delete]")
    expect(owner.locator("h1")).to_have_text("Delete 60 jobs, with their logs and files?")
    owner.click("main button >> text=Delete")
    expect(owner.locator("#said")).to_have_text("60 jobs are deleted.")
    expect(owner.locator(".notice", has_text="Nothing has failed")).to_be_visible()


def test_a_search_is_in_the_address_and_survives_the_news(owner, dynos):
    fail(dynos, "apple", "pear")
    owner.fill("#q", "APPLE")
    owner.keyboard.press("Enter")
    expect(owner.locator("tbody tr")).to_have_count(1)
    assert "q=APPLE" in owner.url
    owner.click(".counts a.failed")
    assert "q=APPLE" in owner.url and "state=failed" in owner.url
    fail(dynos, "apple pie", "plum")
    expect(owner.locator("tbody tr")).to_have_count(2, timeout=20_000)
    expect(owner.locator("#q")).to_have_value("APPLE")
    owner.click("text=Show all")
    expect(owner.locator("tbody tr")).to_have_count(4)


def test_the_focus_and_what_is_typed_stay_when_the_list_changes(owner, dynos):
    fail(dynos, "first")
    owner.reload()
    owner.fill("#q", "half a wor")
    fail(dynos, "second")
    expect(owner.locator("tbody tr")).to_have_count(2, timeout=10_000)
    expect(owner.locator("#q")).to_be_focused()
    expect(owner.locator("#q")).to_have_value("half a wor")
    owner.keyboard.press("Tab")
    fail(dynos, "in between")
    expect(owner.locator("tbody tr")).to_have_count(3, timeout=10_000)
    expect(owner.locator("#q")).to_have_value("half a wor")
    button = owner.locator("tr", has_text="first").locator("button")
    button.focus()
    fail(dynos, "third")
    expect(owner.locator("tbody tr")).to_have_count(4, timeout=10_000)
    expect(button).to_be_focused()


@pytest.mark.thorough
def test_a_hidden_page_asks_for_nothing(owner, dynos):
    asked = []
    owner.on("request", lambda request: asked.append(request.url))
    owner.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    owner.wait_for_timeout(2000)  # what was under way has come
    asked.clear()
    owner.wait_for_timeout(4000)
    assert asked == []
    owner.evaluate("delete document.hidden")
    owner.wait_for_timeout(4000)
    assert any("/live" in url for url in asked)


@pytest.mark.thorough
def test_a_page_that_may_not_ask_so_often_says_that_it_is_the_limit(enter, dynos):
    dynos.web(RATE_LIMIT="15")
    page = enter()
    expect(page.locator("#lost")).to_contain_text("More requests than RATE_LIMIT allows", timeout=30_000)


def test_an_outage_is_borne_and_ends_by_itself(owner, dynos, redis):
    fail(dynos, "before")
    owner.reload()
    redis.freeze()
    expect(owner.locator("#lost")).to_contain_text("No answer since", timeout=20_000)
    redis.thaw()
    expect(owner.locator("#lost")).to_be_hidden(timeout=30_000)
    fail(dynos, "after")
    expect(owner.locator("tr", has_text="after")).to_be_visible(timeout=15_000)


def test_late_jobs_and_the_missing_worker_are_said(owner, dynos):
    dynos.task("sample").delay({"label": "waits"})
    key = dynos.store.redis.zrange("jobs:queued", 0, -1)[0]
    long_ago = int(time.time() * 1000) - 250_000
    dynos.store.redis.hset(f"jobs:job:{key}", mapping={"due": long_ago, "since": long_ago})
    dynos.store.redis.zadd("jobs:queued", {key: long_ago})
    owner.reload()
    expect(owner.locator("tr .late")).to_have_text("late by 4 min")
    expect(owner.get_by_role("alert")).to_contain_text("No worker has started yet")
    expect(owner.get_by_role("alert")).to_contain_text("heroku ps:scale worker=1")
    worker = dynos.worker()
    expect(owner.get_by_role("alert")).to_have_count(0, timeout=15_000)
    expect(owner.locator(".facts")).to_contain_text("1 worker")
    worker.signal_all(15)
    worker.wait()
    expect(owner.get_by_role("alert")).to_contain_text(re.compile(r"No worker for \d+ s"), timeout=15_000)


def test_two_thousand_jobs_are_paged_in_less_than_a_fifth_of_a_second_each(owner, dynos):
    store = dynos.store
    for n in range(2000):
        params = f'{{"label":"job {n}"}}'
        store.submit(f"job-{n:04}", "sample", f'{{"args":[],"kwargs":{{"params":{params}}}}}', delay=9e4 + n)
    seen, took = [], []
    owner.goto(dynos.base + "/?state=scheduled")
    while True:
        seen += [row.removeprefix("job-")
                 for row in owner.eval_on_selector_all("tbody tr", "rows => rows.map(row => row.id)")]
        took.append(owner.evaluate("""() => {
            const page = performance.getEntriesByType("navigation")[0];
            return page.responseStart - page.requestStart;
        }"""))
        if not owner.locator(".pager >> text=More").count():
            break
        owner.goto(dynos.base + owner.locator(".pager >> text=More").get_attribute("href"))
    assert seen == [f"job-{n:04}" for n in range(2000)]
    assert sorted(took)[len(took) // 2] < 200, took


def test_the_keyboard_is_enough(owner, dynos):
    fail(dynos, "stuck")
    owner.goto(dynos.base)
    owner.keyboard.press("Tab")
    expect(owner.get_by_text("Skip to the content")).to_be_focused()

    def tab_to(what):
        for _ in range(60):
            if owner.evaluate("document.activeElement.textContent.trim()").startswith(what):
                return
            owner.keyboard.press("Tab")
        raise AssertionError(f"no way to {what}")

    tab_to("stuck")
    owner.keyboard.press("Enter")
    expect(owner.locator("h1")).to_contain_text("stuck")
    tab_to("Retry")
    owner.keyboard.press("Enter")
    expect(owner.locator("#said")).to_have_text("1 job is tried again.")
    wait_for(lambda: dynos.store.counts()["failed"] == 0)
