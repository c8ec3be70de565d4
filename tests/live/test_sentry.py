"""Errors, traces and monitors reach Sentry from both processes: here a server that takes what the SDK sends."""

import json
import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from app.kinds import kinds
from app.schedules import NewSchedule, create
from tests.dynos import wait_for


@pytest.fixture
def app(redis, make_dynos, sentry):
    """Its processes, and what Sentry got."""
    dsn, bodies = sentry
    return make_dynos(redis.url, SENTRY_DSN=dsn, RELEASE="v7", DYNO="web.1"), bodies


def got(bodies, type="event", **values):
    """Events, or what else came, that have these values."""
    lines = [json.loads(line) for body in list(bodies) for line in body.splitlines() if line]
    items = [item for head, item in zip(lines, lines[1:]) if head.get("type") == type and "length" in head]
    return [item for item in items if values.items() <= item.items()]


def errors(bodies, text):
    return [event for event in got(bodies) if text in json.dumps(event.get("exception", ""))]


def ask(dynos, path, body=None, **headers):
    request = urllib.request.Request(
        dynos.base + path, body and json.dumps(body).encode(), headers | {
            "Authorization": "Bearer test-token", "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_an_error_in_a_child_of_the_worker_arrives_and_says_of_which_job(app):
    dynos, bodies = app
    dynos.worker()
    id = dynos.task("boom").delay().id
    dynos.wait(id)
    (event,) = wait_for(lambda: errors(bodies, "a bug in a job"), what="Sentry to hear of it")
    assert {"job": id, "kind": "tests.ledger.boom", "attempt": 1}.items() <= event["tags"].items()
    assert (event["release"], event["environment"]) == ("v7", "development")


def test_an_error_in_the_web_process_arrives(app):
    """A record that makes no sense is a bug of ours: the browser sees no trace, Sentry does."""
    dynos, bodies = app
    dynos.web()
    dynos.store.redis.hset("jobs:job:broken", mapping={"kind": "sample", "state": "queued", "created": "no number"})
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(dynos, "/api/jobs/broken")
    assert error.value.status == 500
    text = error.value.read().decode()
    error.value.close()
    assert error.value.headers["Content-Type"] == "application/problem+json"
    assert "Traceback" not in text and "no number" not in text
    wait_for(lambda: errors(bodies, "no number"), what="Sentry to hear of it")


@pytest.mark.parametrize("rate", ["1", pytest.param("0", marks=pytest.mark.thorough)])
def test_a_request_and_its_delayed_job_share_a_trace_whose_error_comes_once_at_the_last_attempt(app, rate):
    dynos, bodies = app
    dynos.env["SENTRY_TRACES_SAMPLE_RATE"] = rate
    dynos.web()
    dynos.worker()
    params = {"seconds": 0, "label": "x", "fail": "always"}
    trace = "0123456789abcdef" * 2
    id = ask(dynos, "/api/jobs", {"kind": "sample", "params": params, "delay": 1.5},
             **{"sentry-trace": f"{trace}-{'1' * 16}", "X-Request-ID": "router-1"})["id"]
    bulk = urllib.request.Request(dynos.base + "/api/jobs/bulk", "\n".join(json.dumps(
        {"kind": "sample", "params": params | {"fail": "never"}, "delay": n}) for n in range(2)).encode(), {
            "Authorization": "Bearer test-token", "Content-Type": "application/x-ndjson"})
    urllib.request.urlopen(bulk).close()
    assert dynos.wait(id)["attempt"] == 3
    (event,) = wait_for(lambda: errors(bodies, "asked to fail"), what="Sentry to hear of it")
    assert event["contexts"]["trace"]["trace_id"] == trace
    assert (event["tags"]["attempt"], event["tags"]["request_id"]) == (3, "router-1")
    kept = json.loads(dynos.store.get(id)["message"])["headers"]["sentry-carried"]
    assert kept["sentry-trace"].startswith(trace)
    if rate == "0":
        assert got(bodies, "transaction") == []
        return
    runs = wait_for(lambda: (some := got(bodies, "transaction", transaction="sample"))[4:] and some)
    traces = [run["contexts"]["trace"]["trace_id"] for run in runs]
    assert sorted(map(traces.count, set(traces))) == [2, 3]  # the bulk's, and each attempt of ours
    assert {run["contexts"]["trace"]["trace_id"] for run in got(bodies, "transaction")} >= {trace, *traces}
    if "applause" in dynos.celery.tasks:  # an event's jobs have one message, and no trace in common
        for _ in range(2):
            dynos.task("anything").delay({"value": 1})
        heard = wait_for(lambda: (some := got(bodies, "transaction", transaction="applause"))[1:] and some)
        assert len({run["contexts"]["trace"]["trace_id"] for run in heard}) == 2


@pytest.mark.thorough
def test_what_follows_a_job_is_in_its_trace(app):
    dynos, bodies = app
    dynos.worker()
    add, boom = dynos.task("add"), dynos.task("boom")
    chain = (add.si(1, 2).set(countdown=1.2) | boom.si("second") | boom.si("never")).on_error(boom.si("told"))
    chain.apply_async()
    for text in ("second", "told"):
        wait_for(lambda text=text: errors(bodies, text), what=text)
    dynos.task("boom").delay("another")
    wait_for(lambda: errors(bodies, "another"))
    traces = [errors(bodies, text)[0]["contexts"]["trace"]["trace_id"] for text in ("second", "told", "another")]
    assert traces[0] == traces[1] != traces[2]


@pytest.mark.parametrize("how", [
    "ignore", *(pytest.param(how, marks=pytest.mark.thorough) for how in ("reject", "requeue", "cancelled"))])
def test_what_ends_otherwise_is_no_error(app, how):
    dynos, bodies = app
    dynos.worker()
    if how == "cancelled":
        id = dynos.work("x", 30, checkpoints=True)
        dynos.wait(id, "running")
        dynos.store.cancel(id)
    else:
        id = dynos.task("ends_by").delay(str(dynos.ledger), how).id
    dynos.wait(id)
    dynos.wait(dynos.task("boom").delay("last").id)
    wait_for(lambda: errors(bodies, "last"))
    assert len(got(bodies)) == 1


def test_a_job_whose_worker_died_at_its_last_attempt_is_an_error_in_its_trace(app):
    dynos, bodies = app
    dynos.worker()
    id = dynos.task("die").apply_async((str(dynos.ledger), "x"), headers={
        "sentry-carried": {"sentry-trace": f"{'ab' * 16}-{'1' * 16}"}}).id
    assert dynos.wait(id)["state"] == "failed"
    (event,) = wait_for(lambda: errors(bodies, "WorkerLostError"))
    assert {"job": id, "kind": "tests.ledger.die", "attempt": 3}.items() <= event["tags"].items()
    assert event["contexts"]["trace"]["trace_id"] == "ab" * 16


# --- monitors ---

def schedule(dynos, **params):
    """A schedule that is due now; returns its id."""
    _, id = create(dynos.celery, kinds(dynos.celery), NewSchedule(
        kind="sample", cron="0 9 1 1 *", timezone="Europe/Madrid", params={"seconds": 0, "label": "x"} | params))
    due(dynos, id)
    return id


def due(dynos, id):
    dynos.store.redis.zadd("jobs:schedules", {id: int(time.time() * 1000)})


def check_ins(bodies, id, *statuses):
    """Those of a schedule that there are when the last has such a status."""
    found = [item for item in got(bodies, "check_in") if item["monitor_slug"].endswith(id)]
    return found if found and found[-1]["status"] in statuses else []


def test_an_occurrence_that_succeeds_is_ok_and_each_has_a_trace_of_its_own(app):
    dynos, bodies = app
    dynos.worker()
    id = schedule(dynos, seconds=0.5)
    first, *_, last = wait_for(lambda: check_ins(bodies, id, "ok"))
    assert first["status"] == "in_progress"
    assert last["monitor_slug"] == f"sample-{id}"
    assert last["monitor_config"] == {"schedule": {"type": "crontab", "value": "0 9 1 1 *"},
                                      "timezone": "Europe/Madrid"}
    assert last["check_in_id"] == first["check_in_id"]
    assert 0.4 < last["duration"] < 5
    assert last["release"] == "v7"
    due(dynos, id)
    wait_for(lambda: len({item["check_in_id"] for item in check_ins(bodies, id, "ok")}) == 2)
    jobs = [job for job in dynos.store.redis.zrange("jobs:all", 0, -1) if dynos.store.get(job).get("schedule")]
    kept = {json.loads(dynos.store.get(job)["message"])["headers"]["sentry-carried"]["sentry-trace"][:32]
            for job in jobs}
    assert len(kept) == len(jobs) == 2


def test_an_occurrence_that_fails_for_good_is_an_error_and_not_before(app):
    dynos, bodies = app
    dynos.worker()
    id = schedule(dynos, fail="always")
    *before, last = wait_for(lambda: check_ins(bodies, id, "error"))
    assert {item["status"] for item in before} == {"in_progress"}
    assert len({item["check_in_id"] for item in (*before, last)}) == 1
    (event,) = errors(bodies, "asked to fail")
    assert event["tags"]["job"].startswith(id)


@pytest.mark.parametrize("when", ["running", pytest.param("queued", marks=pytest.mark.thorough)])
def test_one_that_is_cancelled_is_an_error(app, when):
    dynos, bodies = app
    worker = dynos.worker()
    if when == "queued":
        blocker = [dynos.work("x", 3) for _ in range(2)]
        dynos.wait(blocker[1], "running")
    id = schedule(dynos, seconds=20)
    job = wait_for(lambda: dynos.store.schedule(id).get("last_job"))
    dynos.wait(job, when)
    dynos.store.cancel(job)
    wait_for(lambda: check_ins(bodies, id, "error"))
    assert worker.popen.poll() is None


def test_a_worker_that_dies_leaves_its_occurrence_to_another_which_says_how_it_ended(app):
    dynos, bodies = app
    first = dynos.worker()
    id = schedule(dynos, seconds=4)
    wait_for(lambda: check_ins(bodies, id, "in_progress"))
    first.signal_all(signal.SIGKILL)
    dynos.worker()
    found = wait_for(lambda: check_ins(bodies, id, "ok", "error"), 40)
    assert found[-1]["status"] == "ok"
    assert len({item["check_in_id"] for item in found}) == 1


@pytest.mark.thorough
def test_one_whose_last_attempt_dies_with_its_worker_is_an_error(app):
    dynos, bodies = app
    dynos.worker()
    id = schedule(dynos, seconds=60)
    job = wait_for(lambda: dynos.store.schedule(id).get("last_job"))
    for attempt in range(1, 4):
        wait_for(lambda attempt=attempt: (now := dynos.job(job))["state"] == "running" and now["attempt"] == attempt)
        wait_for(lambda: children(dynos.processes[0].popen.pid))
        for child in children(dynos.processes[0].popen.pid):
            os.kill(child, signal.SIGKILL)
    assert dynos.wait(job)["state"] == "failed"
    wait_for(lambda: check_ins(bodies, id, "error"))
    assert errors(bodies, "WorkerLostError")


def children(pid):
    import psutil

    return [child.pid for child in psutil.Process(pid).children()]


def test_a_job_of_no_schedule_is_no_monitor(app):
    dynos, bodies = app
    dynos.worker()
    dynos.wait(dynos.work("x", task_id="0" * 32 + "-1"))
    dynos.wait(dynos.task("boom").delay("last").id)
    wait_for(lambda: errors(bodies, "last"))
    assert got(bodies, "check_in") == []
