"""The report kind, from an upload to a document, with real workers that are stopped and killed."""

import csv
import io
import random
import re
import signal
import time
from datetime import date, timedelta
from importlib.util import find_spec

import openpyxl
import pypdf
import pytest
from bs4 import BeautifulSoup

from app.config import Settings
from app.report import reading
from app.web import create_app
from tests.dynos import wait_for
from tests.smtp import Mailbox, MailServer

NEEDS_EMAIL = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the kind email was deleted")
SALES = "Region,Date,Sales\nNorth,2026-01-05,10.5\nSouth,2026-02-05,20\nNorth,2026-02-06,30\n,2026-02-07,\n"
WISH = {"title": "Sales", "group_by": ["Region"], "measures": ["sum:Sales", "count"]}


@pytest.fixture
def client(dynos):
    return Client(dynos)


class Client:
    """What a person does over HTTP."""

    def __init__(self, dynos):
        self.dynos = dynos
        self.app = create_app(Settings.from_env(dynos.env))
        self.http, self.headers = self.app.test_client(), {"Authorization": "Bearer test-token"}

    def upload(self, content, name="sales.csv"):
        content = content if isinstance(content, bytes) else content.encode()
        answer = self.http.post("/api/uploads", data={"file": (io.BytesIO(content), name)}, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json["id"]

    def click(self, path, **form):
        """A form of the page, sent."""
        self.http.post("/sign-in", data={"token": "test-token"})
        form["csrf"] = re.search('name="csrf" value="(.+?)"', self.http.get("/report").text)[1]
        return self.http.post(path, data=form)

    def ask(self, **params):
        return self.http.post("/api/jobs", json={"kind": "report", "params": params}, headers=self.headers)

    def make(self, **params):
        answer = self.ask(**params)
        assert answer.status_code == 202, answer.text
        return self.dynos.wait(answer.json["id"], seconds=60)

    def result(self, job):
        return self.http.get(f"/api/jobs/{job['id']}/result", headers=self.headers)


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def large(rows=100_000):
    """A table at the cap of 5 MB; the same each time."""
    chance = random.Random(7)
    lines = [f"{chance.choice(['North', 'South', 'East', 'West'])},{date(2026, 1, 1) + timedelta(n % 300)},"
             f"P{chance.randrange(40)},c{n},{chance.randrange(10_000) / 100},{chance.randrange(100)}"
             for n in range(rows)]
    return "Region,Date,Product,Customer,Sales,Units\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("format", ["pdf", "xlsx", "html", "csv"])
def test_each_format_is_a_document_of_that_format_with_the_right_numbers(dynos, client, format):
    dynos.worker()
    job = client.make(source=client.upload(SALES), format=format, **WISH)
    assert job["state"] == "succeeded", job
    answer = client.result(job)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''Sales.{format}"
    if format == "pdf":
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.data)).pages)
    elif format == "html":
        text = BeautifulSoup(answer.data, "html.parser").get_text(" ")
    elif format == "xlsx":
        sheets = openpyxl.load_workbook(io.BytesIO(answer.data))
        text = " ".join(str(cell) for sheet in sheets for row in sheet.values for cell in row)
    else:
        text = answer.text
        assert rows_of(answer) == [["Region", "Sum of Sales", "Rows"], ["North", "40.5", "2"], ["South", "20", "1"],
                                   ["(empty)", "", "1"]]
    assert all(word in text for word in ("North", "South", "40.5", "Sum of Sales"))
    assert ("sales.csv, 4 rows" in text) == (format != "csv")


def test_without_a_wish_it_is_a_summary(dynos, client):
    dynos.worker()
    job = client.make(source=client.upload(SALES), format="html")
    text = BeautifulSoup(client.result(job).data, "html.parser").get_text(" ")
    assert job["result"]["rows"] == 4
    assert job["result"]["file"]["name"] == "sales.html"
    assert all(words in text for words in ("60.5", "2026-01-05", "Region", "North"))


def test_the_apps_own_jobs_are_a_source(dynos, client):
    dynos.worker()
    dynos.wait(dynos.work("a"))
    dynos.wait(dynos.task("boom").delay().id)
    job = client.make(source="jobs", format="html")
    text = BeautifulSoup(client.result(job).data, "html.parser").get_text(" ")
    assert all(words in text for words in ("tests.ledger.work", "succeeded", "failed", "RuntimeError"))
    job = client.make(source="jobs", format="csv", group_by=["Kind", "State"], measures=["count", "median:Ran"])
    assert [row[:3] for row in rows_of(client.result(job)) if "ledger" in row[0]] == [
        ["tests.ledger.boom", "failed", "1"], ["tests.ledger.work", "succeeded", "1"]]


@pytest.mark.parametrize("change, field", [
    ({"source": "file-none"}, "source"),
    ({"source": "x"}, "source"),
    ({"source": None}, "source"),
    ({"format": "doc"}, "format"),
    ({"group_by": ["Reigon"]}, "group_by"),
    ({"group_by": ["Region", "Date", "Sales"]}, "group_by"),
    ({"group_by": "Region"}, "group_by"),
    ({"measures": ["sum:Region"]}, "measures"),
    ({"measures": ["total:Sales"]}, "measures"),
    ({"measures": ["sum"]}, "measures"),
    ({"email_to": "nobody"}, "email_to"),
    ({"title": "a\nb"}, "title"),
    ({"colour": "red"}, "colour"),
])
def test_a_wish_that_cannot_be_is_refused_when_it_is_asked(client, change, field):
    answer = client.ask(**{"source": client.upload(SALES)} | WISH | change)
    assert answer.status_code == 422
    assert [error["field"].split(".")[1] for error in answer.json["errors"]] == [field]
    assert client.dynos.store.counts()["queued"] == 0


def test_a_column_that_is_not_there_is_named_with_those_that_are(client):
    answer = client.ask(source=client.upload(SALES), group_by=["Reigon"])
    assert "'Reigon'" in answer.json["detail"] and "Region, Date, Sales" in answer.json["detail"]


def test_an_upload_that_has_expired_fails_the_job_with_what_to_do(dynos, client):
    id = client.upload(SALES)
    job = client.ask(source=id, format="csv").json
    dynos.celery.files.delete(id)
    dynos.worker()
    job = dynos.wait(job["id"])
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Gone")
    assert "upload it again" in job["error"]["message"]


@NEEDS_EMAIL
def test_a_report_is_mailed_once_with_a_summary_and_the_file(redis, make_dynos):
    mailbox = Mailbox()
    server = MailServer(mailbox)
    server.start()
    try:
        dynos = make_dynos(redis.url, SMTP_URL=f"smtp://127.0.0.1:{server.port}", MAIL_FROM="app@example.org")
        dynos.worker()
        client = Client(dynos)
        job = client.make(source=client.upload(SALES), format="pdf", email_to=["ada@example.com"], **WISH)
        assert dynos.wait(job["result"]["email"])["state"] == "succeeded"
        (message,) = mailbox.messages
        assert (message["To"], message["Subject"]) == ("ada@example.com", "Sales")
        for kind in ("plain", "html"):
            body = message.get_body((kind,)).get_content()
            assert "North" in body and "40.5" in body
        (attached,) = message.iter_attachments()
        assert (attached.get_filename(), attached.get_content_type()) == ("Sales.pdf", "application/pdf")
        assert attached.get_payload(decode=True) == client.result(job).data
    finally:
        server.stop()


@NEEDS_EMAIL
def test_a_run_that_dies_after_the_mail_was_asked_for_asks_no_second_time(dynos, client):
    """The job is run again as if its first run had died before its last word."""
    dynos.worker()
    job = client.make(source=client.upload(SALES), format="csv", email_to="ada@example.com", **WISH)
    dynos.wait(job["result"]["email"])
    redis = dynos.store.redis
    redis.zrem("jobs:succeeded", job["id"])
    redis.hset(f"jobs:job:{job['id']}", mapping={"state": "running"})
    redis.zadd("jobs:running", {job["id"]: 1})
    again = dynos.wait(job["id"], seconds=60)
    assert (again["attempt"], again["result"]["email"]) == (2, job["result"]["email"])
    assert [record["kind"] for record in dynos.store.page(None, "email", 10, None).records] == ["email"]


@NEEDS_EMAIL
def test_a_report_is_mailed_from_its_page_once_however_often_the_button_is_clicked(dynos, client):
    dynos.worker()
    job = client.make(source=client.upload(SALES), format="csv", **WISH)
    for to in ("ada@example.com", "ada@example.com", "bob@example.com"):
        answer = client.click(f"/jobs/{job['id']}/mail", to=to)
        assert (answer.status_code, answer.headers["Location"].startswith("/jobs/")) == (303, True)
    assert len(dynos.store.page(None, "email", 10, None).records) == 2
    assert client.click(f"/jobs/{job['id']}/mail", to="nobody").headers["Location"] == f"/jobs/{job['id']}"
    assert len(dynos.store.page(None, "email", 10, None).records) == 2


def test_a_form_that_cannot_be_is_shown_again_by_the_names_that_it_shows(client):
    source = client.upload(SALES)
    for field, form in (("Mail it to", {"email_to": "nobody"}), ("Repeat", {"repeat": "day", "minutes": "5"}),
                        ("Group by", {"group": "Reigon"}), ("Repeat", {"repeat": "day", "timezone": "Mars"}),
                        ("When", {"minutes": "x"}), ("Show", {"repeat": "day", "measure": "sum:Reigon"})):
        answer = client.click("/report", source=source, format="pdf", **form)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        link = page.select_one(".errors a")
        assert link.text == field
        assert page.select_one(link["href"]), field
        assert page.select_one(link["href"] + "-error").text
    assert client.dynos.store.schedules() == []
    assert client.dynos.store.counts()["queued"] == 0


def test_a_schedule_that_no_longer_makes_sense_is_paused_from_the_page(dynos, client):
    source = client.upload(SALES)
    client.click("/report", source=source, format="pdf", repeat="day")
    (schedule,) = dynos.store.schedules()
    dynos.celery.files.delete(source)
    assert client.click(f"/schedules/{schedule['id']}/pause").status_code == 303
    assert dynos.store.schedules()[0]["due"] is None
    assert client.click(f"/schedules/{schedule['id']}/resume").status_code == 303
    assert dynos.store.schedules()[0]["due"] is None
    assert client.click(f"/schedules/{schedule['id']}/dance").status_code == 404
    assert client.click(f"/schedules/{schedule['id']}/delete").status_code == 303
    assert dynos.store.schedules() == []


def test_without_the_forms_own_word_nothing_is_done(client):
    source = client.upload(SALES)
    job = client.ask(source=source).json["id"]
    client.click("/report", source=source, repeat="day")
    (schedule,) = client.dynos.store.schedules()
    for path in ("/report", "/report/upload", f"/jobs/{job}/mail", f"/jobs/{job}/repeat",
                 f"/schedules/{schedule['id']}/delete"):
        assert client.http.post(path, data={"source": source}).status_code == 403, path
        assert client.app.test_client().post(path).headers["Location"] == "/sign-in", path
    assert len(client.dynos.store.schedules()) == 1


def test_a_file_over_the_limit_fails_with_what_to_do_and_the_app_goes_on(redis, make_dynos):
    dynos = make_dynos(redis.url, RESULT_MAX_MB="0.001")
    dynos.worker()
    client = Client(dynos)
    job = client.make(source=client.upload(SALES), format="xlsx")
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "TooLarge")
    assert "RESULT_MAX_MB" in job["error"]["message"]
    assert client.make(source=client.upload(SALES), format="csv", **WISH)["state"] == "succeeded"


def test_progress_is_told_by_stage_and_rows_and_a_cancel_is_heeded(dynos, client):
    dynos.worker()
    job = client.ask(source=client.upload(large()), format="xlsx").json
    seen = wait_for(lambda: (dynos.job(job["id"])["progress"] or {}).get("message") == "Reading rows"
                    and dynos.job(job["id"])["progress"], 30)
    assert 0 < seen["done"] <= seen["total"] == 100_000
    dynos.store.cancel(job["id"])
    asked = time.monotonic()
    assert dynos.wait(job["id"])["state"] == "cancelled"
    assert time.monotonic() - asked < 5  # the promise is a second; the machine may be busy


@pytest.mark.thorough
def test_a_stopping_worker_does_not_wait_for_a_report_and_the_next_one_makes_it(redis, make_dynos):
    dynos = make_dynos(redis.url, SHUTDOWN_SECONDS="25", LEASE_SECONDS="60")
    worker = dynos.worker()
    client = Client(dynos)
    job = client.ask(source=client.upload(large()), format="xlsx").json
    wait_for(lambda: dynos.job(job["id"])["progress"], 30)
    worker.signal_all(signal.SIGTERM)
    worker.wait()
    assert dynos.job(job["id"])["state"] == "queued"
    dynos.worker()
    job = dynos.wait(job["id"], seconds=60)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["interrupted", "succeeded"]
    sheet = openpyxl.load_workbook(io.BytesIO(client.result(job).data), read_only=True)["Rows"]
    assert sum(1 for row in sheet.values if row[0]) == 100_001


class Killed(BaseException):
    pass


class Run:
    """A run of a job, as app.report.reading sees it; it is killed at its nth word of progress."""

    stopping = False

    def __init__(self, app, cursor=None, killed_at=None):
        self.app, self.store, self.cursor, self.left, self.told = app, app.store, cursor, killed_at, []

    def checkpoint(self, done, total, message, resumable):
        if done:
            self.told.append(done)
        if self.left is not None and len(self.told) > self.left:
            raise Killed

    def save(self, cursor):
        self.cursor = cursor

    def keep(self, name, type, content, seconds):
        return {"id": self.app.files.put(name, type, io.BytesIO(content), most_mb=10, limit="RESULT_MAX_MB").id}


def test_a_run_that_was_killed_while_it_read_is_gone_on_with_and_leaves_nothing(dynos, client, monkeypatch):
    monkeypatch.setattr(reading, "SAVE_SECONDS", 0)
    source = client.upload(large(30_000))
    first = Run(dynos.celery, killed_at=4)
    with pytest.raises(Killed):
        reading.Reading(first).of_upload(source)
    second = Run(dynos.celery, first.cursor)
    again = reading.Reading(second)
    columns, name, words = again.of_upload(source)
    assert second.told[0] > first.told[-2] > 10_000
    assert (name, words) == ("sales", "sales.csv, 30,000 rows")
    whole = reading.Reading(Run(dynos.celery))
    whole.of_upload(source)
    assert again.builder.frame().equals(whole.builder.frame())
    for left in (again, whole):
        left.forget()
    assert len(dynos.store.redis.keys("jobs:pieces:*")) == 1  # the upload


def test_rows_that_were_saved_and_have_expired_are_read_again(dynos, client):
    source = client.upload(SALES)
    of = dynos.celery.files.get(source).content
    again = reading.Reading(Run(dynos.celery, {"read": "file-gone", "of": of}))
    again.of_upload(source)
    assert again.builder.rows == 4


def test_rows_that_were_saved_of_a_table_that_was_replaced_since_are_not_mixed_with_the_new_ones(
        dynos, client, monkeypatch):
    monkeypatch.setattr(reading, "SAVE_SECONDS", 0)
    source = client.upload(large(10_000))
    first = Run(dynos.celery)
    reading.Reading(first).of_upload(source)
    answer = client.http.put(f"/api/uploads/{source}", data={"file": (io.BytesIO(SALES.encode()), "sales.csv")},
                             headers=client.headers)
    assert answer.status_code == 200
    second = reading.Reading(Run(dynos.celery, first.cursor))
    second.of_upload(source)
    assert second.builder.rows == 4


def test_a_duplicate_starts_with_what_was_asked_for_and_says_when_its_table_has_gone(client, dynos):
    def page(path):
        client.http.post("/sign-in", data={"token": "test-token"})
        return BeautifulSoup(client.http.get(path).text, "html.parser")

    source = client.upload(SALES)
    id = client.ask(source=source, format="xlsx", email_to=["ada@example.com"], **WISH).json["id"]
    form = page(f"/report?from={id}").select_one("#new-report")
    assert form.select_one("[name=source]")["value"] == source
    assert form.select_one("[name=title]")["value"] == "Sales"
    assert [option["value"] for option in form.select("select option[selected]")] == [
        "xlsx", "Region", "sum:Sales", "count"]
    dynos.celery.files.delete(source)
    again = page(f"/report?from={id}")
    assert "no longer there" in again.select_one(".notice").text
    answer = client.http.post(again.select_one("#upload")["action"], data={
        "csrf": again.select_one("[name=csrf]")["value"], "file": (io.BytesIO(SALES.encode()), "new.csv")})
    form = page(answer.headers["Location"]).select_one("#new-report")
    assert form.select_one("[name=source]")["value"] != source
    assert form.select_one("[name=title]")["value"] == "Sales"
    assert page("/report?from=none").select_one("#upload")
