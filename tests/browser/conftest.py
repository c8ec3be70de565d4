import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
         "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM and not os.environ.get("CI"):
        pytest.skip("There is no Chromium here; CI has one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def enter(browser, dynos):
    """Signs in to the app, with options of a browser context. Fails on any error of a script, on any word in the
    console, and on any request to elsewhere."""
    contexts, wrong = [], []

    def enter(token="test-token", **options):
        contexts.append(browser.new_context(**{"timezone_id": "America/New_York", "locale": "en-US"} | options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(f"{message.text} {message.location['url']}")
                if message.type in ("error", "warning") else None)
        page.on("request", lambda request: None if request.url.startswith((dynos.base, "data:", "about:", "blob:"))
                else wrong.append(request.url))
        page.goto(dynos.base)
        page.fill("#token", token)
        page.locator("main button").click()
        page.wait_for_url(dynos.base + "/")
        return page

    yield enter
    for context in contexts:
        context.close()
    # Chromium says a word to each answer that is an error.
    expected = ("status of 422", "status of 401", "status of 429", "status of 503", "/jobs/nothing")
    assert [text for text in wrong if not any(word in text for word in expected)] == []


@pytest.fixture
def owner(enter, dynos):
    """Signed in, on an app with a web process and without a worker."""
    dynos.web()
    return enter()


@pytest.fixture
def page(enter, dynos):
    """Signed in, on an app with a web process and a worker."""
    dynos.web()
    dynos.worker()
    return enter()
