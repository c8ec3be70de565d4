"""The figures of the page: python -m benchmarks.page

Bytes and requests of a first load, as Chromium counts them; milliseconds of the server for the list, a search, the
failures by error and a poll without news, with 100, 2,000 and 50,000 jobs stored.
"""

import http.client
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from tests.dynos import Dynos, Server

JOBS = (100, 2_000, 50_000)
TIMES = 20


def main():
    server = Server()
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), LOG_LEVEL="WARNING", DYNO_RAM="512", RATE_LIMIT="0")
    try:
        dynos.web()
        headers = sign_in(dynos.port)
        stored = 0
        for jobs in JOBS:
            fill(dynos.store, range(stored, jobs))
            stored = jobs
            print(f"{jobs:,} jobs: " + ", ".join(f"{name} {spent(dynos.port, path, headers)}" for name, path in (
                ("list", "/"), ("scheduled", "/?state=scheduled"), ("failed, by error", "/?state=failed"),
                ("a search with one hit", f"/?q=user{jobs // 2}@"), ("poll", "/live"), ("poll, nothing new", None))),
                  flush=True)
        first_load(dynos)
    finally:
        dynos.end()
        server.stop()


def sign_in(port: int) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/sign-in", urlencode({"token": "test-token"}),
                       {"Content-Type": "application/x-www-form-urlencoded"})
    cookie = re.match("[^;]+", connection.getresponse().headers["Set-Cookie"])[0]
    return {"Cookie": cookie, "Accept-Encoding": "gzip"}


def fill(store, numbers):
    """A sixth waits, a sixth has failed in one of ten ways, the rest has succeeded."""
    for n in numbers:
        id = f"job-{n}"
        message = f'{{"args": [], "kwargs": {{"params": {{"to": ["user{n}@example.com"], "subject": "Report {n}"}}}}}}'
        store.submit(id, "email", message, queue="default", max_attempts=3, delay=86400 if n % 6 == 0 else 0)
        if n % 6:
            token = store.start(id, "worker", 60, "email", message, 3, "default").token
            error = {"type": f"Error{n % 10}", "message": f"mailbox {n} is full"} if n % 6 == 1 else None
            store.settle(id, token, "worker", "failed" if error else "succeeded", result={"n": n}, error=error)


def spent(port: int, path: str | None, headers: dict) -> str:
    """Median of a request over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    if path is None:
        path, tag = "/live", ask(connection, "/live", headers).headers["ETag"]
        headers = headers | {"If-None-Match": tag}
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        status = ask(connection, path, headers).status
        taken.append(time.perf_counter() - began)
    return f"{statistics.median(taken) * 1000:.1f} ms" + (f" ({status})" if status != 200 else "")


def ask(connection, path, headers):
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer


def first_load(dynos):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.goto(dynos.base)
        page.fill("#token", "test-token")
        page.locator("main button").click()
        page.wait_for_url(dynos.base + "/")
        cookies = page.context.cookies()
        context = browser.new_context()  # a new visitor's empty cache
        context.add_cookies(cookies)
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        seen = {}
        network.on("Network.responseReceived",
                   lambda event: seen.update({event["requestId"]: [event["response"]["url"], 0]}))
        network.on("Network.loadingFinished",
                   lambda event: seen[event["requestId"]].__setitem__(1, event["encodedDataLength"]))
        page.goto(dynos.base, wait_until="networkidle")
        timing = page.evaluate("""() => ({...performance.getEntriesByType('navigation')[0].toJSON(),
            paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime})""")
        loaded = [(url, size) for url, size in seen.values() if url.startswith("http") and "/live" not in url]
        for url, size in loaded:
            print(f"{size:7,} bytes  {url.removeprefix(dynos.base)}")
        total = sum(size for _, size in loaded)
        print(f"first load: {len(loaded)} requests, {total:,} bytes over the wire with their headers; first paint "
              f" {timing['paint']:.0f} ms, loaded {timing['loadEventEnd']:.0f} ms, "
              f"{page.evaluate('document.querySelectorAll(`*`).length')} elements", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
