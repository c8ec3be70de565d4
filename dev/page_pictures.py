"""The pictures of the page under docs/, for the README: python -m dev.page_pictures"""

import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.dynos import Dynos, Server, wait_for

DOCS = Path(__file__).parent.parent / "docs"
MAILS = ("Your invoice 2026-117", "Welcome aboard", "Password changed", "Weekly figures", "Your invoice 2026-118")


class App(Dynos):
    """Without the kinds of the tests."""

    def _start(self, command, name, env):
        return super()._start([{"tests.ledger_web:app": "web:app", "tests.ledger_worker": "worker"}.get(word, word)
                               for word in command], name, env)


def main():
    server = Server(None, "--maxmemory", "25mb", "--maxclients", "20")
    dynos = App(server.url, Path(tempfile.mkdtemp()), APP_ENV="development", RELEASE="v42", LEASE_SECONDS="60")
    try:
        dynos.web()
        dynos.worker()
        failed = fill(dynos)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            picture(browser, dynos, "page-list", "/", 1400, 860, "light")
            picture(browser, dynos, "page-job", f"/jobs/{failed}", 1000, 760, "dark")
            picture(browser, dynos, "page-phone", "/new/email", 390, 820, "light")
            browser.close()
    finally:
        dynos.end()
        server.stop()


def fill(dynos) -> str:
    """A morning's jobs. Returns the id of one that failed."""
    email, demo = dynos.task("email"), dynos.task("demo")
    for subject in MAILS:
        email.delay({"to": ["ada@example.com"], "subject": subject, "text": "Hello Ada"})
    failed = [demo.delay({"label": f"import part {n}", "seconds": 0.2, "fail": "always"}).id for n in (1, 2)]
    demo.delay({"label": "clean up", "seconds": 1, "fail": "once"})
    for minutes, subject in ((10, "Your trial ends today"), (55, "Reminder: stand-up"), (1260, "Monthly statement")):
        email.apply_async(({"to": ["grace@example.com"], "subject": subject, "text": "…"},),
                          countdown=minutes * 60 + 20)
    wait_for(lambda: dynos.store.counts()["failed"] == 2, 60)
    dynos.store.cancel(email.apply_async(({"to": ["x@example.com"], "subject": "Sent by mistake", "text": "…"},),
                                         countdown=600).id, "page")
    demo.delay({"label": "yearly figures", "seconds": 60, "steps": 100})
    demo.delay({"label": "thumbnails", "seconds": 25, "steps": 40})
    time.sleep(14)
    return failed[0]


def picture(browser, dynos, name, path, width, height, scheme):
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-US",
                            timezone_id="Europe/Madrid")
    page.goto(dynos.base)
    page.fill("#token", "test-token")
    page.locator("main button").click()
    page.goto(dynos.base + path)
    if path.startswith("/new"):
        page.fill("[name=to]", "ada@example.com")
        page.fill("[name=subject]", "Your report")
        page.fill("[name=text]", "Hello Ada,\nit is ready.")
        page.check("[name=minutes][value=tomorrow]")
        page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(2500)
    Image.open(io.BytesIO(page.screenshot())).quantize(96).save(DOCS / f"{name}.png", optimize=True)
    page.close()


if __name__ == "__main__":
    main()
