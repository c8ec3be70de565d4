"""The page in a real Chromium: sign in, schedule, watch, cancel, retry, run now."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.dynos import coming, wait_for


def open_form(page):
    page.goto(re.match(r"https?://[^/]+", page.url)[0] + "/new/sample")
    return page.locator("#new-sample")


def create(page, label, **fields):
    form = open_form(page)
    form.locator("[name=label]").fill(label)
    for name, value in fields.items():
        if name == "minutes":
            form.locator(f"[name=minutes][value='{value}']").check()
        else:
            control = form.locator(f"[name={name}]")
            control.select_option(value) if name == "fail" else control.fill(value)
    form.locator("button").click()
    expect(page.locator("h1")).to_contain_text("sample")


def state(page):
    return page.locator("#live .state").first


def test_nobody_gets_in_without_the_token(browser, dynos):
    dynos.web()
    page = browser.new_page()
    for path in ("/", "/outbox", "/jobs/x", "/live"):
        page.goto(dynos.base + path)
        assert page.url.endswith("/sign-in")
    page.fill("#token", "wrong")
    page.click("text=Sign in >> nth=-1")
    expect(page.get_by_role("alert")).to_contain_text("no token of this app")
    page.goto(dynos.base)
    assert page.url.endswith("/sign-in")
    page.close()


def test_a_job_is_watched_from_the_form_to_done_without_a_reload(page):
    create(page, "watched", seconds="4", steps="4")
    page.evaluate("window.notReloaded = true")
    expect(state(page)).to_have_text("running", timeout=10_000)
    expect(page.locator("progress")).to_have_attribute("value", re.compile("[1-3]"), timeout=10_000)
    expect(state(page)).to_have_text("succeeded", timeout=15_000)
    expect(page.locator("pre", has_text="watched").last).to_be_visible()
    assert page.evaluate("window.notReloaded")


def test_the_list_is_live_and_counts(page, dynos):
    page.evaluate("window.notReloaded = true")
    dynos.task("sample").delay({"label": "from elsewhere", "seconds": 0.2})
    expect(page.locator("tr", has_text="from elsewhere").locator(".state")).to_have_text("succeeded", timeout=15_000)
    expect(page.locator(".counts a", has_text="succeeded")).to_have_text(re.compile("1 *succeeded"))
    assert page.evaluate("window.notReloaded")


def test_a_time_is_meant_in_the_zone_of_the_viewer(page, dynos):
    year = coming(1, 31)
    create(page, "at nine", at=f"{year}-01-31T09:00")
    expect(page.locator("dd time").nth(1)).to_have_text(f"Jan 31, {year}, 9:00:00 AM")
    expect(page.locator("dd time").nth(1)).to_have_attribute("datetime", f"{year}-01-31T14:00:00.000Z")
    year = coming(7, 31)
    create(page, "in summer", at=f"{year}-07-31T09:00")
    expect(page.locator("dd time").nth(1)).to_have_attribute("datetime", f"{year}-07-31T13:00:00.000Z")


def test_cancel_run_now_and_retry(page, dynos):
    create(page, "moved", minutes="60", seconds="0")
    expect(state(page)).to_have_text("scheduled")
    page.click("button[value^=cancel]")
    expect(state(page)).to_have_text("cancelled")
    page.click("button[value^=retry]")
    expect(state(page)).to_have_text("succeeded", timeout=10_000)
    create(page, "hurried", minutes="60", seconds="0")
    page.click("button[value^=run-now]")
    expect(state(page)).to_have_text("succeeded", timeout=10_000)
    create(page, "stopped", seconds="60", steps="60")
    expect(state(page)).to_have_text("running", timeout=10_000)
    page.click("button[value^=cancel]")
    expect(state(page)).to_have_text("cancelled", timeout=10_000)


def test_a_failure_shows_its_error_attempts_and_trace(page):
    create(page, "failing", seconds="0", fail="always")
    expect(state(page)).to_have_text("failed", timeout=30_000)
    expect(page.get_by_role("alert")).to_contain_text("asked to fail")
    expect(page.locator(".timeline li", has_text="Attempt")).to_have_count(3)
    expect(page.locator(".timeline li").last).to_contain_text("Failed for good")
    page.click("text=Traceback")
    expect(page.locator("#traceback pre")).to_contain_text("ValueError")
    page.wait_for_timeout(4000)  # the page goes on looking for news
    expect(page.locator("#traceback pre")).to_be_visible()


def test_what_is_wrong_is_said_in_the_form_and_what_was_typed_is_kept(page):
    form = open_form(page)
    form.locator("[name=label]").fill("x" * 101)
    form.locator("button").click()
    expect(page.locator(".errors")).to_contain_text("Label: String should have at most 100 characters")
    expect(form.locator("[name=label]")).to_have_value("x" * 101)


@pytest.mark.thorough
def test_a_time_that_cannot_be_read_runs_nothing(page, dynos):
    """A browser's number input takes 1e3; what it would not take may come all the same."""
    csrf = page.locator("[name=csrf]").first.input_value()

    def post(**fields):
        return page.request.post(dynos.base + "/new/sample", form={"csrf": csrf, "label": "x"} | fields)

    for fields in ({"minutes": "abc"}, {"minutes": "-5"}, {"minutes": "nan"}, {"minutes": "inf"}, {"minutes": "1,5"},
                   {"at": "tomorrow"}, {"at": f"{coming(1, 2)}-01-02T10:00", "offset": "x"}, {"minutes": "1e9"},
                   {"minutes": "at"}, {"minutes": "tomorrow", "offset": "1e3"}):
        answer = post(**fields)
        assert answer.status == 422, fields
        assert 'id="sample-minutes-error"' in answer.text(), fields
    assert sum(dynos.store.counts().values()) == 0
    assert post(minutes="1e3").status == 200
    assert post(at=f"{coming(1, 2)}-01-02T10:00+05:00").status == 200
    first, second = sorted(dynos.job(id)["due_at"] for id in dynos.store.redis.zrange("jobs:all", 0, -1))
    assert second == f"{coming(1, 2)}-01-02T05:00:00.000Z"


@pytest.mark.thorough
def test_sending_the_form_twice_makes_one_job(page, dynos):
    form = open_form(page)
    form.locator("[name=label]").fill("once")
    page.evaluate("""async () => {
        const form = document.getElementById('new-sample');
        for (let i = 0; i < 2; i++)
            await fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
    }""")
    assert sum(dynos.store.counts().values()) == 1


@pytest.mark.thorough
def test_a_form_of_another_site_changes_nothing(page, dynos):
    id = dynos.task("sample").apply_async(({"label": "x"},), countdown=60).id
    answer = page.request.post(f"{dynos.base}/actions", form={"one": f"cancel {id}", "csrf": "guessed"})
    assert answer.status == 403
    assert page.request.post(f"{dynos.base}/new/sample", form={"label": "x"}).status == 403
    assert dynos.job(id)["state"] == "scheduled"


def test_everything_works_without_scripts(browser, dynos):
    dynos.web()
    dynos.worker()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(dynos.base)
    page.fill("#token", "test-token")
    page.click("text=Sign in >> nth=-1")
    create(page, "plain", minutes="60", seconds="0")
    page.click("button[value^=run-now]")
    time.sleep(0.5)

    def done():
        page.reload()
        return state(page).inner_text().strip() == "succeeded"

    wait_for(done, 15)
    page.click("text=Sign out")
    assert page.url.endswith("/sign-in")
    context.close()


def test_it_says_when_no_worker_is_alive(browser, dynos):
    dynos.web()
    page = browser.new_page()
    page.goto(dynos.base)
    page.fill("#token", "test-token")
    page.click("text=Sign in >> nth=-1")
    expect(page.get_by_role("alert")).to_contain_text("heroku ps:scale worker=1")
    page.close()


def test_nothing_from_a_job_becomes_markup(page):
    create(page, "<img src=x onerror=alert(1)>", seconds="0")
    expect(page.locator("pre").first).to_contain_text("<img src=x")
    assert page.locator("main img").count() == 0
