"""What Schemathesis has to know beyond the description: which texts of a format there are, here and now."""

import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import openpyxl
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

#: tests/fuzz.py keeps a file and a job of these ids.
FILE, JOB = "file-" + "0" * 32, "a-job"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def xlsx() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (["Region", "Sales"], ["North", 1.5], ["South", -2]):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def date_times():
    """RFC 3339, in as many zones, from 1970 to a year ahead, which is as far as a job may be."""
    return st.datetimes(datetime(1970, 1, 2), datetime.now() + timedelta(days=364), timezones=st.just(UTC)).map(
        datetime.isoformat)


FORMATS = {
    "cron": st.builds("{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.sampled_from("*01234567")),
    "time-zone": st.sampled_from(sorted(available_timezones())),
    "date-time": date_times(),
    "table": st.just("jobs"),
    "column": st.sampled_from(["Kind", "State", "Created:month"]),
    "measure": st.sampled_from(["count", *(f"{op}:{name}" for op in ("min", "max", "count") for name in (
        "Created", "Due", "Waited", "Ran", "Attempts"))]),
    "file": st.just(FILE),
    "job": st.just(JOB),
    "uri": st.just("http://127.0.0.1:9/"),  # where nobody listens
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)
schemathesis.openapi.media_type("text/csv", st.just(b"Region,Sales\r\nNorth,1.5\r\nSouth,-2\r\n"))
schemathesis.openapi.media_type(XLSX, st.just(xlsx()))


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    """An item in each line; of what is no list, one line."""
    items = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Of the params of a schedule that is changed no schema can say what its kind is. They are left out, but where they
    are to be refused. A stream of events ends at once."""
    if case.operation.label == "PATCH /api/schedules/{id}" and isinstance(case.body, dict) and (
            case.meta and case.meta.generation.mode.is_positive):
        case.body.pop("params", None)
    if case.operation.label == "GET /api/events" and (case.meta.generation.mode.is_positive
                                                      or "seconds" not in (case.query or {})):
        case.query = {**(case.query or {}), "seconds": 0}  # else it streams for ten minutes


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A job that was just created has no result yet, which is a 404. And to say that a body or a URL is too large is to
    refuse it, even where each of its parts is not."""
    if isinstance(failure, EnsureResourceAvailability):
        return case.operation.label != "GET /api/jobs/{id}/result"
    too_large = response.status_code in (413, 414)
    return not (too_large and isinstance(failure, (AcceptedNegativeData, RejectedPositiveData)))
