"""Seconds and memory of a report: python -m benchmarks.report

Tables of 1,000, 10,000 and 100,000 rows and eight columns, the last near the 5 MB that an upload may have, as CSV and
as XLSX; each format of document in a fresh worker. Seconds are from start to end of the job; memory is the most that
the process which ran it ever had (VmHWM), the worker's own 60 MB and all libraries included.
"""

import csv
import io
import json
import random
import tempfile
import urllib.request
from datetime import date, timedelta
from pathlib import Path

import psutil
import xlsxwriter

from benchmarks.figures import say
from tests.dynos import Dynos, Server, wait_for

FORMATS = ("pdf", "xlsx", "html", "csv")
HEAD = ["Date", "Region", "Product", "Customer", "Units", "Price", "Revenue", "Returned"]


def main():
    server = Server()
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), WORKER_CONCURRENCY="1", LOG_LEVEL="WARNING",
                  UPLOAD_MAX_MB="10", DYNO_RAM="512", RATE_LIMIT="0")
    try:
        web = dynos.web()
        say("rows     of    MB | " + " | ".join(f"{format:>14}" for format in FORMATS))
        for rows in (1_000, 10_000, 100_000):
            for name, content in (("csv", as_csv(table(rows))), ("xlsx", as_xlsx(table(rows)))):
                source = upload(dynos, f"sales.{name}", content)
                made = [make(dynos, source, format) for format in FORMATS]
                say(f"{rows:>7,} {name:>4} {len(content) / 1e6:5.2f} | " + " | ".join(made))
        most = max(peak(process) for process in psutil.Process(web.popen.pid).children())
        say(f"the web process that looked at the uploads: {most} MB")
    finally:
        dynos.end()
        server.stop()


def table(rows: int) -> list[list]:
    chance = random.Random(7)
    return [HEAD] + [
        [date(2025, 1, 1) + timedelta(days=n * 700 // rows), chance.choice(["North", "South", "East", "West"]),
         f"P-{chance.randrange(40)}", f"Customer {n}", chance.randrange(1, 60), chance.randrange(100, 9999) / 100,
         chance.randrange(100, 99999) / 100, chance.choice(["yes", "no"])] for n in range(rows)]


def as_csv(rows: list[list]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def as_xlsx(rows: list[list]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for n, row in enumerate(rows):
            sheet.write_row(n, 0, row)
    return out.getvalue()


def upload(dynos, name: str, content: bytes) -> str:
    body = b"".join([b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", name.encode(),
                     b"\"\r\n\r\n", content, b"\r\n--edge--\r\n"])
    request = urllib.request.Request(dynos.base + "/api/uploads", body, {
        "Authorization": "Bearer test-token", "Content-Type": "multipart/form-data; boundary=edge"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def make(dynos, source: str, format: str) -> str:
    """Returns seconds and MB, in words."""
    worker = dynos.worker(wait=False)
    wait_for(lambda: dynos.store.workers(within=30), 30)
    id = dynos.task("report").delay({"source": source, "format": format}).id
    job = dynos.wait(id, seconds=120)
    record = dynos.store.get(id)
    most = max(peak(process) for process in psutil.Process(worker.popen.pid).children())
    worker.end()
    dynos.store.redis.delete("jobs:workers")
    if job["state"] != "succeeded":
        return f"{job['error']['type']:>14}"
    return f"{(int(record['finished']) - int(record['started'])) / 1000:5.2f} s {most:4} MB"


def peak(process: psutil.Process) -> int:
    """The most memory that a process has had, in MB."""
    (line,) = (line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
