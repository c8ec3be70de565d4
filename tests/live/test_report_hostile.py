"""A report on a hostile table: its cells are data in every format, and its title is no more than a name."""

import csv
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import psutil
import pytest

from app.config import Settings
from app.report.making import file_name
from app.web import create_app
from tests.dynos import wait_for

HEADERS = {"Authorization": "Bearer test-token"}
FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-1+1", "\t=1+1", "\u200b=1+1", "＝1+1", " =1+1",
            '=HYPERLINK("https://evil.example")', "<r><f>1+1</f></r>", "=\ud7ff", "=" + "1" * 40]


def most_memory(process):
    """MB that the largest of a dyno's processes has ever had."""
    main = psutil.Process(process.popen.pid)
    said = "".join(Path(f"/proc/{one.pid}/status").read_text() for one in [main, *main.children(recursive=True)])
    return max(map(int, re.findall(r"VmHWM:\s+([0-9]+) kB", said))) / 1024


@pytest.mark.thorough
def test_two_hundred_thousand_rows_of_formulas_are_data_in_every_report(redis, make_dynos):
    dynos = make_dynos(redis.url, WORKER_CONCURRENCY="1", DYNO_RAM="512", UPLOAD_MAX_MB="10")
    dynos.web()
    worker = dynos.worker()
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["=1+1", "@name", "n"])
    writer.writerows((FORMULAS[n % len(FORMULAS)], f"={n % 7}+cmd", n) for n in range(200_000))
    client = create_app(Settings.from_env(dynos.env)).test_client()
    file = io.BytesIO(table.getvalue().encode())
    upload = client.post("/api/uploads", headers=HEADERS, data={"file": (file, "=1.csv")})
    assert upload.status_code == 201, upload.text
    made = {}
    for format in ("csv", "xlsx", "html", "pdf"):
        params = {"source": upload.json["id"], "format": format, "title": "=1+1", "group_by": ["=1+1", "@name"],
                  "measures": ["sum:n", "count"]}
        job = client.post("/api/jobs", headers=HEADERS, json={"kind": "report", "params": params}).json["id"]
        wait_for(lambda job=job: dynos.job(job)["finished_at"], 120)
        assert dynos.job(job)["state"] == "succeeded", dynos.job(job)["error"]
        made[format] = client.get(f"/api/jobs/{job}/result", headers=HEADERS).data
    assert most_memory(worker) < 512
    print(f"the worker's largest process had {most_memory(worker):.0f} MB")
    rows = list(csv.reader(io.StringIO(made["csv"].decode("utf-8-sig"))))
    assert len(rows) > len(FORMULAS)
    assert not [cell for row in rows for cell in row if cell[:1] in set("=@+-\t\r＝") and not cell.isdecimal()]
    book = openpyxl.load_workbook(io.BytesIO(made["xlsx"]))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert len(cells) > len(FORMULAS) and {cell.data_type for cell in cells} <= {"s", "n", "d", "b"}
    with zipfile.ZipFile(io.BytesIO(made["xlsx"])) as archive:
        sheets = b"".join(archive.read(name) for name in archive.namelist() if "worksheets/sheet" in name)
    assert b"<f>" not in sheets and b"<f " not in sheets and b"<hyperlink" not in sheets
    assert b"<script" not in made["html"] and made["pdf"].startswith(b"%PDF")


@pytest.mark.parametrize("title, name", [("invoice\u202efdp.exe", "invoice fdp.exe"), ("../..\\x\0:y", "x y"),
                                         ("\u2066.", "report"), ("a" * 300, "a" * 100)])
def test_a_title_is_a_files_name_whose_ending_is_its_ending(title, name):
    assert file_name(title) == name
