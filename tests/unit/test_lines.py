"""A line of the log is one line, says what was said, and nobody else's words make a field of it."""

import json
import logging
import sys
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import lines
from app.lines import Formatter
from app.scrubber import MASK, Scrubber
from tests.log_lines import joined, parse

SECRET = "a-secret-of-ours"
LOGFMT, JSON = (Formatter(Scrubber([SECRET]), as_json) for as_json in (False, True))
READ = {LOGFMT: parse, JSON: json.loads}
#: All that Python, a terminal or a log's reader could take for an end of a line, a field, or a command.
HOSTILE = ('a" level=error job=1\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029 \x1b[31m\x9b\x7f\x00 \\ \\" = \u202e\ufeff '
           '\ud800 😀 {"a": 1}')
TEXTS = st.text(st.characters(), max_size=300) | st.text('"\\= \n\x1b\u2028\ud83d\ude00u0a{}', max_size=30)


def record(message="m", fields=None, args=(), **options):
    made = logging.LogRecord("a.library", logging.INFO, "file.py", 7, message, args, options.pop("exc_info", None))
    made.__dict__.update(options | ({"fields": fields} if fields is not None else {}))
    return made


def read(formatter, *args, **options):
    line = formatter.format(record(*args, **options))
    assert line.splitlines() == [line]
    assert line.isprintable()
    assert len(line.encode()) <= lines.MOST_BYTES
    return READ[formatter](line)


@pytest.mark.parametrize("formatter", READ)
@given(text=TEXTS, value=TEXTS)
@example(text=HOSTILE, value=HOSTILE)
@example(text="", value="\ud83d\ude00")
def test_any_text_is_read_back_as_it_was(formatter, text, value):
    found = read(formatter, "%s", lines.Fields(why=value), args=(text,))
    found.pop("at", None)
    assert found == {"level": "info", "logger": "a.library", "msg": joined(text), "why": joined(value)}


@pytest.mark.parametrize("formatter", READ)
@given(some=st.text(min_size=1), trace=TEXTS)
def test_a_line_that_is_too_long_is_cut_and_is_still_one(formatter, some, trace):
    text = some * (20_000 // len(some))
    found = read(formatter, text, lines.Fields(job="job-1", why=text), exc_text=text + trace + "the end")
    assert found["job"] == "job-1"
    for name in ("msg", "why"):
        assert found[name].endswith("…") and joined(text).startswith(found[name][:-2])
    assert found["trace"].startswith("…") and found["trace"].endswith("the end")


@pytest.mark.parametrize("formatter", READ)
def test_a_trace_is_a_field(formatter):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        found = read(formatter, exc_info=sys.exc_info(), stack_info="Stack:\n  here")
    assert found["trace"].startswith("Traceback (most recent call last):\n  File ")
    assert found["trace"].endswith("ValueError: two\nlines\nStack:\n  here")


def test_numbers_are_numbers():
    fields = lines.Fields(event="ended", count=3, duration=1 / 3, told=True, none=None)
    assert LOGFMT.format(record(fields=fields)) == (
        "level=info logger=a.library event=ended count=3 duration=0.333 told=true")
    assert json.loads(JSON.format(record(fields=fields, created=1_800_000_000.0125))) == {
        "at": "2027-01-15T08:00:00.012Z", "level": "info", "logger": "a.library", "event": "ended", "count": 3,
        "duration": 0.333, "told": True}


def test_what_others_attach_to_a_record_is_not_printed():
    assert read(LOGFMT, "m", {"args": "dear diary"}, data={"kwargs": "dear diary"}) == {
        "level": "info", "logger": "a.library", "msg": "m"}


def test_a_text_is_no_event():
    assert read(LOGFMT, "succeeded") == {"level": "info", "logger": "a.library", "msg": "succeeded"}
    assert read(LOGFMT, "x", lines.Fields(event="succeeded"))["event"] == "succeeded"


def test_arguments_that_do_not_fit_are_told_with_where_and_without_secrets():
    class Worst:
        def __repr__(self):
            raise RuntimeError

    found = read(LOGFMT, "%d is no number", args=(SECRET,))["msg"]
    assert "'%d is no number'" in found and "at file.py:7" in found
    assert MASK in found and SECRET not in found
    assert "file.py:7" in read(LOGFMT, "%s", args=(Worst(),))["msg"]


def test_fields_and_traces_have_no_secret():
    lines.in_request(request_id=SECRET)
    found = read(LOGFMT, fields=lines.Fields(path=f"/x/{SECRET}"), stack_info=SECRET)
    assert (found["request_id"], found["path"], found["trace"]) == (MASK, f"/x/{MASK}", MASK)


def test_a_job_is_known_in_all_threads_and_a_request_in_its_own():
    lines.in_job(job="j", attempt=2, request_id="of the job")
    lines.in_request(request_id="of the request")
    seen = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append((read(LOGFMT), lines.request_id())))
        thread.start()
        thread.join()
        lines.in_job()
    before, after = seen
    assert before[0].items() >= {"job": "j", "attempt": "2", "request_id": "of the job"}.items()
    assert before[1] == "of the job"
    assert (set(after[0]), after[1]) == ({"level", "logger", "msg"}, None)
    assert read(LOGFMT)["request_id"] == lines.request_id() == "of the request"
    lines.in_request()
    assert lines.request_id() is None


def test_a_line_about_another_job_has_nothing_of_the_one_that_runs():
    lines.in_job(job="parent", kind="k", attempt=3, request_id="r")
    assert read(LOGFMT, fields=lines.Fields(event="accepted", job="child")) == {
        "level": "info", "logger": "a.library", "event": "accepted", "job": "child"}


def test_of_many_ids_some_are_named():
    assert lines.of(["a"]) == {"job": "a"}
    assert lines.of([str(n) for n in range(12)]) == {"jobs": "0 1 2 3 4 5 6 7 8 9", "count": 12}
