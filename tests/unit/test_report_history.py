import json
from datetime import date, datetime

from app import states
from app.report.analysis import analyse
from app.report.analysis.history_analysis import analyse_history
from app.report.frame import Builder
from app.report.history import columns, row
from tests.unit.frames import MADE_AT, assert_sound, charts, names, tables

#: 2027-01-15 08:00 UTC, in milliseconds.
T = 1_800_000_000_000
HOUR = 3_600_000


def record(kind="email", state=states.SUCCEEDED, *, due=T, started=None, ended=None, error=None, **more):
    history = ended and json.dumps({"attempt": 1, "started_at": started, "ended_at": ended, "worker": "w",
                                    "outcome": state, "error": error}) + "\n"
    fields = {"kind": kind, "state": state, "created": T, "due": due, "queued": due, "started": started,
              "finished": ended, "attempt": 1, "max_attempts": "", "history": history,
              "error": error and json.dumps(error)}
    return {name: str(value) for name, value in (fields | more).items() if value is not None}


def error(type):
    return {"type": type, "message": "in words"}


RECORDS = [
    record(started=T + 1000, ended=T + 3000),
    record(started=T + 2000, ended=T + 8000),
    record(state=states.FAILED, started=T + 6000, ended=T + 7000, error=error("Refused")),
    record("demo", states.FAILED, due=T + 24 * HOUR, started=T + 25 * HOUR, ended=T + 26 * HOUR,
           error=error("Refused")),
    record("demo", states.CANCELLED, finished=T + 5),
    record("demo", states.SCHEDULED, due=T + 48 * HOUR, queued=None),
    record("demo", states.RUNNING, started=T + 500, error=None),
]


def told(records):
    builder = Builder(columns())
    builder.add([row(record) for record in records])
    document = analyse_history(builder.frame(), title="Jobs", source="history", made_at=MADE_AT)
    assert_sound(document)
    return document


def fields(record):
    return dict(zip([name for name, _ in columns()], row(record)))


def test_a_record_becomes_a_row_with_times_in_utc():
    assert row(RECORDS[3]) == [
        "demo", "failed", date(2027, 1, 16), datetime(2027, 1, 15, 8), datetime(2027, 1, 16, 8),
        datetime(2027, 1, 16, 9), datetime(2027, 1, 16, 10), 3600.0, 3600.0, 1, "Refused"]
    assert row({"kind": "demo", "state": "queued"}) == ["demo", "queued", *[None] * 7, 0, None]
    assert row({"kind": "demo", "state": "queued", "created": str(T)})[2] == date(2027, 1, 15)


def test_a_wait_is_from_when_it_could_start():
    def waited(**more):
        return fields(record(**more))["Waited"]

    assert waited(started=T + 1500) == 1.5
    assert waited(due=T - 9 * HOUR, started=T + 1000) == 1.0, "it was not there before"
    assert waited(due=T + HOUR, queued=T + 1000, started=T + 3000) == 2.0, "a person wanted it now"
    assert waited(due=T + HOUR, queued=T, started=T) == 0.0
    assert waited() is None
    assert fields(record(started=T + 1, ended=T))["Ran"] == 0.0, "the clock was set back"
    assert waited(due=T + HOUR, queued=T + HOUR, started=T + 1000) is None, "tried again, and not started since"


def test_after_a_lost_worker_the_first_start_ends_the_wait_and_the_last_attempt_is_what_ran():
    attempts = "".join(json.dumps({"attempt": number, "started_at": T + begin, "ended_at": T + end}) + "\n"
                       for number, begin, end in ((1, 1000, 60_000), (2, 70_000, 75_000)))
    job = fields(record(queued=T + 61_000, started=T + 70_000, finished=T + 75_000, history=attempts, attempt=2))
    assert (job["Waited"], job["Ran"], job["Attempts"]) == (1.0, 5.0, 2)


def test_a_job_that_goes_on_has_not_finished():
    job = fields(record(state=states.SCHEDULED, started=T, ended=T + 4000, error=error("Undelivered")))
    assert (job["Finished"], job["Ran"], job["Error"]) == (None, 4.0, "Undelivered")


def test_the_figures_and_tables_tell_how_it_went():
    document = told(RECORDS)
    assert [(figure.label, figure.value, figure.type) for figure in document.figures] == [
        ("Jobs", 7, "integer"), ("Succeeded, of those that ended", 0.4, "percent"), ("Failed", 2, "integer"),
        ("Median wait", 2.0, "seconds"), ("Longest wait", 3600.0, "seconds"), ("Median run", 4.0, "seconds")]
    found = tables(document)
    assert list(found) == ["By kind and state", "Per day", "Failures", "Rows"]
    assert [(column.name, column.type) for column in found["By kind and state"].columns] == [
        ("Kind", "text"), ("State", "text"), ("Jobs", "integer"), ("Median wait", "seconds"),
        ("Longest wait", "seconds"), ("Median run", "seconds"), ("Longest run", "seconds")]
    assert found["By kind and state"].rows == [
        ["demo", "cancelled", 1, None, None, None, None], ["demo", "failed", 1, 3600.0, 3600.0, 3600.0, 3600.0],
        ["demo", "running", 1, 0.5, 0.5, None, None], ["demo", "scheduled", 1, None, None, None, None],
        ["email", "succeeded", 2, 1.5, 2.0, 4.0, 6.0], ["email", "failed", 1, 6.0, 6.0, 1.0, 1.0]]
    assert names(found["Per day"]) == ["Day", "Jobs", "Succeeded", "Failed", "Cancelled", "Median wait"]
    assert found["Per day"].rows == [
        [date(2027, 1, 15), 5, 2, 1, 1, 1.5], [date(2027, 1, 16), 1, 0, 1, 0, 3600.0],
        [date(2027, 1, 17), 1, 0, 0, 0, None]]
    assert found["Per day"].total == ["Total", 7, 2, 2, 1, 2.0]
    assert names(found["Failures"]) == ["Error", "Kind", "Jobs", "Last seen"]
    assert found["Failures"].rows == [["Refused", "demo", 1, datetime(2027, 1, 16, 10)],
                                      ["Refused", "email", 1, datetime(2027, 1, 15, 8, 0, 7)]]
    assert list(found["Rows"].rows) == [row(record) for record in RECORDS]


def test_the_charts_are_by_day_and_state_and_by_kind():
    drawn = charts(told(RECORDS))
    assert drawn["Jobs by Day and State"] == ("line", ["2027-01-15", "2027-01-16", "2027-01-17"], {
        "failed": [1, 1, 0], "succeeded": [2, 0, 0], "cancelled": [1, 0, 0], "running": [1, 0, 0],
        "scheduled": [0, 0, 1]})
    assert drawn["Jobs by Kind"] == ("bar", ["demo", "email"], {"Jobs": [4, 3]})


def test_on_the_first_day_there_is_a_chart_of_the_states():
    assert list(charts(told(RECORDS[:3]))) == ["Jobs by State"]


def test_without_failures_there_is_no_table_of_them():
    assert list(tables(told(RECORDS[:2]))) == ["By kind and state", "Per day", "Rows"]


def test_no_jobs_are_a_report_too():
    document = told([])
    assert [figure.value for figure in document.figures] == [0, None, 0, None, None, None]
    assert document.charts == []
    assert [(table.title, len(table.rows)) for table in document.tables] == [("Rows", 0)]


def test_jobs_can_be_grouped_and_measured_like_any_table():
    builder = Builder(columns())
    builder.add([row(record) for record in RECORDS])
    document = analyse(builder.frame(), columns(), title="", source="", made_at=MADE_AT, group_by=["Kind"],
                       measures=["sum:Ran", "mean:Waited"])
    assert_sound(document)
    assert document.tables[0].rows == [["demo", 3600.0, 1800.25], ["email", 9.0, 3.0]]
    assert [column.type for column in document.tables[0].columns] == ["text", "seconds", "seconds"]
