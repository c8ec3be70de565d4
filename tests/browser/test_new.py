"""The form of a new job: quick, forgiving, and the same without scripts but for comfort."""

import re
from datetime import datetime
from importlib.util import find_spec
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from tests.dynos import coming

NEEDS_EMAIL = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the kind email was deleted")
NEEDS_REPORT = pytest.mark.skipif(not find_spec("app.jobs.report"), reason="the kind report was deleted")


@pytest.fixture
def form(page, dynos):
    """The form of the kind papers."""
    page.goto(dynos.base + "/new/papers")
    return page.locator("#new-papers")


@pytest.fixture
def plain(browser, dynos):
    """Signed in, without scripts, with no worker."""
    dynos.web()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(dynos.base)
    page.fill("#token", "test-token")
    page.click("text=Sign in >> nth=-1")
    yield page
    context.close()


def jobs(dynos):
    return [dynos.job(id) for id in dynos.store.redis.zrange("jobs:all", 0, -1)]


def names(dynos, ids):
    return [dynos.celery.files.get(id).name for id in ids]


def drop(page, *names):
    """As a person drops files from their desktop."""
    data = page.evaluate_handle("""(names) => {
        const data = new DataTransfer();
        for (const name of names) data.items.add(new File(["dropped"], name, {type: "text/plain"}));
        return data;
    }""", names)
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})


@pytest.mark.parametrize("kind, typed", [
    ("sample", ["Tab", "Tab", "Tab", "Ada", "Enter"]),
    pytest.param("email", ["ada@example.com", "Tab", "Hi", "Tab", "Hello Ada", "Tab", "Tab", "Tab", "Tab", "Enter"],
                 marks=NEEDS_EMAIL),
])
def test_a_job_is_made_by_one_click_and_the_keyboard_alone(page, dynos, kind, typed):
    page.click(f".kinds a:has-text('{kind}')")
    expect(page.locator("h1")).to_have_text(f"New {kind}")
    expect(page.locator("form.new [autofocus]")).to_be_focused()
    for keys in typed:
        page.keyboard.press(keys) if keys in ("Tab", "Enter") else page.keyboard.type(keys)
    expect(page.locator("#live")).to_be_visible()
    assert [job["kind"] for job in jobs(dynos)] == [kind]


@NEEDS_REPORT
def test_a_report_is_made_by_a_click_a_drop_and_a_key(page, dynos):
    page.click(".kinds a:has-text('report')")
    page.wait_for_load_state()
    drop(page, "words.csv")
    expect(page.locator("#report-title")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_be_visible()
    assert [job["kind"] for job in jobs(dynos)] == ["report"]


def test_what_is_wrong_is_said_beside_its_field_which_has_the_focus(page, form):
    form.evaluate("form => form.noValidate = true")  # what a browser would not let through
    form.locator("[name=password]").fill("p")
    form.locator("summary").click()
    form.locator("[name='params.at']").fill("far away")
    form.get_by_text("Create").click()
    expect(page.get_by_role("alert")).to_contain_text("2 things to correct")
    to, where = form.locator("[name=to]"), form.get_by_label("Where")
    expect(to).to_be_focused()
    expect(to).to_have_accessible_description(re.compile("Field required"))
    expect(where).to_be_visible()
    page.get_by_role("alert").get_by_text("Where").click()
    expect(where).to_be_focused()
    expect(where).to_have_value("far away")
    expect(where).to_have_accessible_description(re.compile("at most 5 characters"))


def test_a_date_chooses_its_chip_and_another_chip_takes_the_date_back(form):
    expect(form.get_by_label("now")).to_be_checked()
    form.get_by_label("Date and time").fill(f"{coming(1, 31)}-01-31T09:00")
    expect(form.get_by_label("on a date")).to_be_checked()
    form.get_by_label("in 1 hour").check()
    expect(form.get_by_label("Date and time")).to_have_value("")
    expect(form.get_by_role("group", name="When")).to_contain_text("Times are those of America/New_York")


def test_ten_minutes_are_ten_minutes(page, dynos, form):
    form.locator("[name=to]").fill("ada@example.com")
    form.get_by_label("in 10 minutes").check()
    form.get_by_text("Create").click()
    expect(page.locator("#live .state").first).to_have_text("scheduled")
    (job,) = jobs(dynos)
    made, due = (datetime.fromisoformat(job[name]) for name in ("created_at", "due_at"))
    assert (due - made).total_seconds() == pytest.approx(600, abs=1)


@pytest.mark.parametrize("now, at, offset", [
    ("2027-03-13T23:30:00-05:00", "2027-03-14T09:00", "240"),  # the clock goes forward in this night
    pytest.param("2027-11-06T23:30:00-04:00", "2027-11-07T09:00", "300", marks=pytest.mark.thorough),  # and back
    pytest.param("2027-12-31T00:10:00-05:00", "2028-01-01T09:00", "300", marks=pytest.mark.thorough),
])
def test_tomorrow_is_the_viewers_tomorrow_at_nine(page, form, now, at, offset):
    page.clock.set_fixed_time(now)
    form.locator("[name=to]").fill("ada@example.com")
    form.get_by_label("tomorrow 9:00").check()
    sent = form.evaluate("form => new URLSearchParams([...new FormData(form)].filter(([, v]) => v.slice)).toString()")
    sent = parse_qs(sent)
    assert (sent["minutes"], sent["at"], sent["offset"]) == (["tomorrow"], [at], [offset])


@pytest.mark.thorough
def test_a_time_that_the_clock_skips_is_what_the_browser_takes_it_for(form):
    form.get_by_label("Date and time").fill("2027-03-14T02:30")
    assert form.evaluate("form => new FormData(form).get('offset')") == "300"  # 3:30 in summer


def test_files_are_chosen_and_dropped_and_named(page, dynos, form, tmp_path):
    (tmp_path / "a <b>.txt").write_text("a")
    form.locator("[name=to]").fill("ada@example.com")
    form.locator("[type=file]").set_input_files(tmp_path / "a <b>.txt")
    drop(page, "b.txt", "c.txt")
    expect(form.get_by_role("status")).to_have_text("a <b>.txt, b.txt, c.txt")
    form.get_by_text("Create").click()
    expect(page.locator("#live")).to_be_visible()
    assert names(dynos, jobs(dynos)[0]["params"]["papers"]) == ["a <b>.txt", "b.txt", "c.txt"]


@pytest.mark.thorough
def test_files_that_are_too_large_are_said_to_be_before_they_are_sent(page, dynos, form, tmp_path):
    (tmp_path / "large.bin").write_bytes(bytes(5_000_001))
    form.locator("[name=to]").fill("ada@example.com")
    form.locator("[type=file]").set_input_files(tmp_path / "large.bin")
    form.get_by_text("Create").click()
    assert form.locator("[type=file]").evaluate("input => input.validationMessage").startswith("Too large")
    form.locator("[type=file]").set_input_files([])
    form.get_by_text("Create").click()
    expect(page.locator("#live")).to_be_visible()


def test_a_file_that_misses_its_zone_does_not_replace_the_page(page, form):
    let_go = page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "x.txt"));
        const text = new DataTransfer();
        text.setData("text/plain", "moved");
        return [data, text].map((dataTransfer) => document.body.dispatchEvent(
            new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true})));
    }""")
    assert let_go == [False, True]  # but text may be dragged as ever


def test_a_double_click_makes_one_job_and_the_button_is_there_again_on_the_way_back(page, dynos, form):
    form.locator("[name=to]").fill("ada@example.com")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    form.get_by_text("Create").dblclick()
    expect(page.locator("#live")).to_be_visible()
    assert (len(sent), len(jobs(dynos))) == (1, 1)
    page.go_back()
    expect(page.get_by_text("Create")).to_be_enabled()


def test_a_job_is_made_again_with_a_change(page, dynos, form):
    form.locator("[name=to]").fill("ada@example.com, bob@example.com")
    form.get_by_label("Password").fill("hunter2")
    drop(page, "a.txt")
    form.get_by_text("Create").click()
    expect(page.locator("#live")).to_be_visible()
    page.goto(f"{dynos.base}/new/papers?from={jobs(dynos)[0]['id']}")
    expect(form.locator("[name=to]")).to_have_value("ada@example.com,bob@example.com")
    expect(form.get_by_label("Password")).to_have_value("")
    expect(form.get_by_label("a.txt")).to_be_checked()
    form.locator("[name=to]").fill("cyd@example.com")
    drop(page, "b.txt")
    form.get_by_text("Create").click()
    expect(page.locator("#live")).to_be_visible()
    first, second = sorted(jobs(dynos), key=lambda job: job["created_at"])
    assert second["params"]["to"] == ["cyd@example.com"]
    assert names(dynos, second["params"]["papers"]) == ["a.txt", "b.txt"]
    assert second["params"]["papers"][0] == first["params"]["papers"][0]


def test_without_scripts_files_are_sent_and_a_date_needs_no_chip(plain, dynos, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    plain.goto(dynos.base + "/new/papers")
    expect(plain.locator(".zone")).to_have_text("UTC")
    plain.locator("[name=to]").fill("ada@example.com")
    plain.locator("[type=file]").set_input_files(tmp_path / "a.txt")
    plain.get_by_label("on a date").check()
    plain.get_by_text("Create").click()
    expect(plain.locator("#papers-minutes-error")).to_have_text("Choose a date and a time")
    plain.get_by_label("now").check()
    plain.get_by_label("Date and time").fill(f"{coming(1, 31)}-01-31T09:00")
    plain.get_by_text("Create").click()
    expect(plain.locator("#live")).to_be_visible()
    (job,) = jobs(dynos)
    assert job["due_at"] == f"{coming(1, 31)}-01-31T09:00:00.000Z"
    assert names(dynos, job["params"]["papers"]) == ["a.txt"]


@pytest.mark.parametrize("path", ["/new/papers", pytest.param("/new/sample", marks=pytest.mark.thorough),
                                  pytest.param("/report?source=jobs", marks=NEEDS_REPORT)])
def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(page, dynos, path):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(dynos.base + path)
    unnamed = page.evaluate("""() => [...document.querySelectorAll('form.new :is(input, select, textarea)')]
        .filter((control) => control.type !== "hidden" && !control.labels.length && !control.ariaLabel)
        .map((control) => control.name)""")
    assert unnamed == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
