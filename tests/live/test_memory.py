"""What the app takes of the smallest dyno's 512 MB, with all that there is in use; the README says so."""

import io
import json
import re
import threading
import urllib.request
from contextlib import suppress
from datetime import date, timedelta
from urllib.error import HTTPError

import psutil

from tests.dynos import ROOT, wait_for

ROWS = 10_000
FORMATS = ("pdf", "xlsx", "html", "csv")


class Most:
    """The most MB that a dyno has had at a time, in all its processes; what they share counts once."""

    def __init__(self, dyno):
        self.main, self.megabytes, self.end = psutil.Process(dyno.popen.pid), 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.end.wait(0.1):
            used = 0
            for process in [self.main, *self.main.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    used += process.memory_full_info().pss
            self.megabytes = max(self.megabytes, used / 2**20)

    def stop(self) -> float:
        self.end.set()
        self.thread.join()
        return self.megabytes


def ask(dynos, path, body=None, type="application/json"):
    headers = {"Authorization": "Bearer test-token", "Content-Type": type}
    with urllib.request.urlopen(urllib.request.Request(dynos.base + path, body, headers), timeout=30) as answer:
        return answer.read()


def upload(dynos, name, content) -> str:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    answer = ask(dynos, "/api/uploads", head + content + b"\r\n--b--\r\n", "multipart/form-data; boundary=b")
    return json.loads(answer)["id"]


def table() -> list[list]:
    return [["Date", "Region", "Customer", "Units", "Sales"]] + [
        [str(date(2026, 1, 1) + timedelta(n % 300)), f"Region {n % 7}", f"Customer {n}", n % 89, n % 9973 / 100]
        for n in range(ROWS)]


def as_csv() -> bytes:
    return "\n".join(",".join(map(str, row)) for row in table()).encode()


def as_xlsx() -> bytes:
    import xlsxwriter  # which reports need, and nobody else

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(table()):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def jobs(dynos, hook) -> list[dict]:
    """What to send: of each kind that is here."""
    here, files, wishes = dynos.celery.tasks, [], []
    if "report" in here:
        files = [upload(dynos, name, content) for name, content in (
            ("sales.csv", as_csv()), ("sales.xlsx", as_xlsx())) for _ in range(3)]
        wishes = [{"kind": "report", "params": {"source": source, "title": "Sales", "format": format}}
                  for source in (files[-1], files[0]) for format in FORMATS]
    wishes += [
        {"kind": "sample", "params": {"label": "x", "seconds": 0.1}},
        {"kind": "demo", "params": {"seconds": 1}},
        {"kind": "email", "params": {"to": ["a@example.com"], "subject": "x", "text": "x", "attachments": files[:2]}}]
    tells = {"notify": hook} if "webhook" in here else {}
    return [wish | tells for wish in wishes if wish["kind"] in here]


def test_with_every_kind_in_use_web_and_worker_stay_within_the_smallest_dynos(redis, make_dynos, receiver):
    dynos = make_dynos(redis.url, WEB_CONCURRENCY="2", WORKER_CONCURRENCY="2", DYNO_RAM="512", RATE_LIMIT="0",
                       WEBHOOK_SECRET="0123456789abcdef" * 4, WEBHOOK_PRIVATE_HOSTS="localhost")
    web, worker = dynos.web(), dynos.worker()
    most = Most(web), Most(worker)
    try:
        ids = [json.loads(ask(dynos, "/api/jobs", json.dumps(wish).encode()))["id"]
               for wish in jobs(dynos, f"http://localhost:{receiver.port}/hook")]
        for path in ("/api/jobs", "/api/kinds", "/openapi.json") * 2:
            with suppress(HTTPError):  # what describes the API may have been deleted
                ask(dynos, path)
        assert {dynos.wait(id, seconds=120)["state"] for id in ids} == {"succeeded"}
        if "webhook" in dynos.celery.tasks:
            wait_for(lambda: len(receiver.got) == len(ids))
    finally:
        used = [each.stop() for each in most]
    for megabytes, said in zip(used, promised()):
        assert megabytes < 1.25 * said < 512


def promised() -> list[int]:
    """MB of the web dyno and of the worker that the README names."""
    text = (ROOT / "README.md").read_text()
    return [int(said) for said in re.search(r"the web dyno takes (\d+) MB and the worker (\d+) of", text).groups()]


def test_a_process_that_has_grown_too_large_for_its_dyno_is_replaced_after_its_job(redis, make_dynos):
    dynos = make_dynos(redis.url, WORKER_CONCURRENCY="1", DYNO_RAM="160")
    dynos.worker()
    jobs = [dynos.wait(dynos.task("grow").delay(megabytes).id) for megabytes in (1, 100, 1)]
    assert [(job["state"], job["attempt"]) for job in jobs] == [("succeeded", 1)] * 3
    assert jobs[0]["result"] == jobs[1]["result"] != jobs[2]["result"]
