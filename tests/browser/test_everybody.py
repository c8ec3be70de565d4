"""For everyone: axe-core finds nothing, in light and dark, wide and on a phone, in English and Spanish. Each view is
photographed on the way, under .data/pictures, for a person to look at."""

import json
import re
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.dynos import coming, wait_for

PICTURES = Path(__file__).parent.parent.parent / ".data" / "pictures"
NEEDS_EMAIL = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the kind email was deleted")


@pytest.fixture
def busy(dynos):
    """An app in which every state has a job, and the address of each view."""
    dynos.web()
    dynos.worker()
    sample = dynos.task("sample")
    failed = [sample.delay({"label": f"import {n}", "seconds": 0, "fail": "always"}).id for n in range(3)]
    done = sample.delay({"label": "nightly figures", "seconds": 0.1}).id
    file = dynos.task("make_file").delay("figures.html", "text/html", "<h1>Figures</h1>").id
    later = sample.apply_async(({"label": "invoice"},), countdown=3600).id
    dynos.store.cancel(sample.apply_async(({"label": "withdrawn"},), countdown=3600).id)
    for id in (*failed, done, file):
        dynos.wait(id)
    sample.delay({"label": "a long one", "seconds": 300, "steps": 100})
    sample.delay({"label": "another", "seconds": 300, "steps": 100})
    sample.delay({"label": "waits for a worker", "seconds": 0})
    time.sleep(1)
    views = {"list": "/", "failed": "/?state=failed", "empty": "/?q=nothing-has-this",
             "job-failed": f"/jobs/{failed[0]}", "job-done": f"/jobs/{done}", "job-file": f"/jobs/{file}",
             "job-scheduled": f"/jobs/{later}", "new": "/new/sample", "new-corrected": "/new/sample",
             "confirm": "/?state=failed", "missing": "/jobs/nothing"}
    return views | {name: path for name, module, path in (
        ("schedules", "recurring", "/schedules"), ("outbox", "mailbox", "/outbox"),
        ("report", "report", "/report?source=jobs"), ("docs", "docs", "/docs")) if find_spec(f"app.web.{module}")}


def look(page, base, name, path):
    """Open a view, as far as it takes a click."""
    page.goto(base + path)
    if name == "new-corrected":
        page.locator("form.new").evaluate("form => form.noValidate = true")
        page.locator("form.new button.primary").click()
        page.locator("[aria-invalid=true]").first.wait_for()
    if name == "confirm":
        page.locator("#page-all").check()
        page.locator(".bulk button[value=delete]").click()
        page.wait_for_url("**/actions")


@pytest.mark.parametrize(("scheme", "width", "language"), [
    ("light", 1280, "en-US"), ("dark", 360, "es-ES"),
    pytest.param("dark", 1280, "en-US", marks=pytest.mark.thorough),
    pytest.param("light", 360, "es-ES", marks=pytest.mark.thorough)])
def test_every_view_is_for_everyone(enter, busy, dynos, scheme, width, language):
    page = enter(color_scheme=scheme, viewport={"width": width, "height": 900}, locale=language)
    wrong = {}
    for name, path in busy.items():
        look(page, dynos.base, name, path)
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-{scheme}-{width}.png", full_page=True)
        found = Axe().run(page)
        if found.violations_count:
            wrong[name] = found.generate_report()
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong[name + " is too wide"] = page.evaluate("document.documentElement.scrollWidth")
        assert page.locator("html").get_attribute("lang") == language[:2]
    assert not wrong, "\n".join(f"{name}: {report}" for name, report in wrong.items())


def test_nothing_runs_over_its_place_whatever_the_width(enter, busy, dynos):
    id = dynos.task("sample").delay({"label": "a-name-without-a-gap" * 5, "seconds": 0, "fail": "always"}).id
    dynos.store.cancel(id)
    dynos.store.redis.hset(f"jobs:job:{id}", "error", json.dumps({"type": "E" * 200, "message": "x" * 1600}))
    for language in ("en-US", "es-ES"):
        page = enter(locale=language)
        for width in (320, 400, 800, 1160, 1300, 1350, 1600):
            page.set_viewport_size({"width": width, "height": 800})
            for path in ("/", f"/jobs/{id}"):
                page.goto(dynos.base + path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, language)
                over = page.evaluate("""() => {
                    const place = document.getElementById("live").getBoundingClientRect().right;
                    return [...document.querySelectorAll("#live *")].filter(
                        (part) => !part.closest("thead") && part.getBoundingClientRect().right > place + 1
                    ).map((part) => part.outerHTML);
                }""")
                assert not over, (path, language, width, over[:2])


def test_the_sign_in_is_too(browser, dynos):
    dynos.web()
    page = browser.new_page(locale="es-ES", viewport={"width": 360, "height": 700})
    page.goto(dynos.base)
    expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.close()


def test_dark_and_light_follow_the_system(enter, dynos):
    dynos.web()
    page = enter(color_scheme="dark")

    def brightness():
        return sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]))

    assert brightness() < 150
    page.emulate_media(color_scheme="light")
    assert brightness() > 700


def test_in_spanish_from_the_form_to_the_end(enter, dynos):
    dynos.web()
    dynos.worker()
    page = enter(locale="es-MX", timezone_id="America/Mexico_City")
    expect(page.locator("h1")).to_have_text("Trabajos")
    page.click(".kinds >> text=sample")
    page.locator("form.new").evaluate("form => form.noValidate = true")
    page.click("text=Crear")
    expect(page.locator(".errors")).to_contain_text("1 cosa por corregir")
    page.fill("#sample-label", "prueba")
    page.fill("#sample-seconds", "0")
    page.click("text=Crear")
    expect(page.locator("#live .state").first).to_have_text("completado", timeout=15_000)
    expect(page.locator(".timeline li").first).to_contain_text("Aceptado")
    assert not re.search(r"\b(Accepted|Attempt|Created|succeeded)\b", page.locator("main").inner_text())


def test_times_are_relative_with_the_exact_one_on_hover_in_the_viewers_zone(enter, dynos):
    dynos.web()
    year = coming(6, 30)
    id = dynos.task("sample").apply_async(({"label": "x"},), eta=f"{year}-06-30T14:00:00+00:00").id
    page = enter(timezone_id="Asia/Tokyo")
    when = page.locator("tbody time")
    expect(when).to_have_text(re.compile(r"in \d+ days?"))
    expect(when).to_have_attribute("title", f"Jun 30, {year}, 11:00:00 PM")
    dynos.store.reschedule(id, int(time.time() * 1000) + 250_000)
    expect(when).to_have_text("in 4 min.", timeout=10_000)


def test_news_are_told_to_those_who_listen(page, dynos):
    expect(page.locator("#news[role=status]")).to_have_count(1)
    dynos.wait(dynos.task("sample").delay({"label": "x", "seconds": 0}).id)
    expect(page.locator("#news")).to_have_text("1 succeeded", timeout=10_000)


def test_log_lines_of_a_job_are_on_its_page_while_it_runs(page, dynos):
    id = dynos.task("sample").delay({"label": "chatty", "seconds": 20, "steps": 20}).id
    page.goto(f"{dynos.base}/jobs/{id}")
    expect(page.locator(".log li")).to_contain_text("INFO begins chatty", timeout=10_000)
    expect(page.locator("#live .state").first).to_have_text("running")


def test_what_is_secret_is_masked_on_the_page(page, dynos):
    id = dynos.task("papers").apply_async(({"title": "x", "password": "hunter2"},), countdown=60).id
    page.goto(f"{dynos.base}/jobs/{id}")
    expect(page.locator("#input")).to_contain_text("••••••")
    assert "hunter2" not in page.content()


@NEEDS_EMAIL
def test_a_scheduled_email_takes_ten_seconds_and_no_mouse(enter, dynos):
    """Every key that a person presses, from the list to the job."""
    dynos.web()
    page = enter()
    page.click(".kinds >> text=email")
    expect(page.locator("[name=to]")).to_be_focused()
    for text in ("ada@example.com", "Hello", "See you"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.locator("input[name=minutes][value='10']").check()
    page.keyboard.press("Enter")
    expect(page.locator("#live .state").first).to_have_text("scheduled")
    expect(page.locator("#live time").first).to_have_text(re.compile(r"in (9|10) min\."))
    (id,) = dynos.store.redis.zrange("jobs:all", 0, -1)
    assert dynos.job(id)["params"] == {"to": ["ada@example.com"], "subject": "Hello", "text": "See you"}


def test_a_page_of_fifty_jobs_loads_in_less_than_sixty_kilobytes(enter, dynos):
    dynos.web()
    for n in range(60):
        dynos.task("sample").apply_async(({"label": f"job {n} with a name of its own"},), countdown=60 + n)
    page = enter()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(dynos.base, wait_until="load")
    wait_for(lambda: len(sizes) >= 4, 10)
    assert page.locator("tbody tr").count() == 50
    assert sum(sizes) < 60_000, sizes
