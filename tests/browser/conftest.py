import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

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
def page(browser, dynos):
    """Signed in, on an app with a web process and a worker. Fails on any error of a script."""
    dynos.web()
    dynos.worker()
    context = browser.new_context(timezone_id="America/New_York", locale="en-US")
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(dynos.base)
    page.fill("#token", "test-token")
    page.click("text=Sign in >> nth=-1")
    expect(page.locator("h1")).to_have_text("Jobs")
    yield page
    context.close()
    assert [error for error in errors if "422" not in error and "401" not in error] == []
