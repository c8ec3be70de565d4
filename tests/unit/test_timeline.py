"""The life of a job as its page tells it."""

import json
import re

from app import states
from app.record import as_json
from app.store import SCRIPT
from app.web.timeline import ACTS, OUTCOMES, timeline


def job(**fields):
    return as_json({"id": "a", "kind": "demo", "state": "queued", "message": "{}", "created": "1000", "due": "1000"}
                   | fields)


def attempt(number, outcome, at, error=None):
    return json.dumps({"attempt": number, "started_at": at, "ended_at": at + 1500, "worker": "w1", "outcome": outcome,
                       "error": error})


def told(job):
    return [entry["text"] for entry in timeline(job)]


def test_everything_is_told_in_its_order():
    history = "\n".join([attempt(1, "retried", 2000, {"type": "E", "message": "no"}), attempt(2, "lost", 5000),
                         attempt(1, "succeeded", 9000)])
    acts = json.dumps({"at": 8000, "act": "retry", "by": "page"})
    entries = timeline(job(state="succeeded", history=history, acts=acts, finished="10500", started="9000"))
    assert [entry["text"] for entry in entries] == [
        "Accepted", "Attempt 1: failed, to be tried again", "Attempt 2: its worker died", "Retried by a person",
        "Attempt 1: succeeded", "Done"]
    assert (entries[1]["took"], entries[1]["worker"], entries[1]["error"]["message"]) == (1.5, "w1", "no")
    assert entries[3]["via"] == "page"


def test_what_is_still_to_come_is_told_of_a_job_that_waits():
    assert told(job(state="scheduled", due="60000")) == ["Accepted", "Due"]
    assert told(job(state="cancelled", due="60000", finished="3000")) == ["Accepted", "Cancelled"]


def test_a_run_that_goes_on_is_told():
    assert told(job(state="running", started="2000", attempt="2", worker="w1")) == ["Accepted", "Attempt 2: running"]


def test_whatever_the_store_writes_has_words():
    outcomes = {*re.findall(r"note\(id, '(\w+)'", SCRIPT), states.SUCCEEDED, states.FAILED}
    assert len(outcomes) > 5
    assert outcomes <= set(OUTCOMES)
    assert set(re.findall(r"function ask\.(\w+)", SCRIPT)) - {"delete"} == set(ACTS)
