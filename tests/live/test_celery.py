"""Celery stays Celery: what its documentation says of tasks holds for jobs."""

import signal
import subprocess
import sys
import time

import celery
import pytest
from celery import chain, chord, group
from celery.exceptions import QueueNotFound
from kombu.exceptions import EncodeError
from kombu.utils import json

from app.job import publish
from app.queue import QUEUE
from app.store import PREFIX
from app.transports import RECORDED
from tests.dynos import wait_for
from tests.proxy import Proxy


def test_retry_with_a_countdown_waits_so_long_and_counts(dynos):
    dynos.worker()
    id = dynos.task("again").delay(str(dynos.ledger), "again", 2).id
    job = dynos.wait(id)
    assert (job["state"], job["attempt"], job["max_attempts"]) == ("succeeded", 3, 3)
    assert job["result"] == "again"
    rows = [line.split() for line in dynos.lines("start")]
    assert [row[2] for row in rows] == ["0", "1", "2"]
    times = [float(row[3]) for row in rows]
    assert all(later - earlier >= 1.9 for earlier, later in zip(times, times[1:], strict=False))
    assert [a["outcome"] for a in job["attempts"]] == ["retried", "retried", "succeeded"]


def test_a_retry_waits_in_the_schedule_and_survives_the_worker(dynos):
    worker = dynos.worker()
    id = dynos.task("again").delay(str(dynos.ledger), "again", 4).id
    dynos.wait(id, "scheduled")
    assert dynos.store.redis.llen(QUEUE) == 0
    worker.end()
    dynos.worker()
    assert dynos.wait(id)["state"] == "succeeded"
    assert len(dynos.lines("start")) == 3


def test_a_chain_hands_each_result_on_and_each_step_is_a_job(dynos):
    dynos.worker()
    add = dynos.task("add")
    result = chain(add.s(1, 2), add.s(3).set(countdown=2), add.s(4))()
    assert result.get(timeout=30) == 10
    assert dynos.wait(result.id)["result"] == 10
    assert dynos.job(result.parent.id)["result"] == 6


def test_a_group_runs_all_and_a_chord_runs_its_body_once_after_them(dynos):
    dynos.worker()
    add, total = dynos.task("add"), dynos.task("total")
    assert sorted(group(add.s(n, n) for n in range(5))().get(timeout=30)) == [0, 2, 4, 6, 8]
    assert chord((add.s(n, n).set(countdown=n % 2 * 2) for n in range(5)), total.s())().get(timeout=30) == 20


def test_link_calls_back_once(dynos):
    dynos.worker()
    add, work = dynos.task("add"), dynos.task("work")
    add.apply_async((1, 1), link=work.si(str(dynos.ledger), "called"))
    wait_for(lambda: dynos.lines("done"))
    assert dynos.lines("done") == ["done called"]


@pytest.mark.parametrize("chained", [False, True])
def test_a_task_that_replaces_itself_goes_on_under_its_id(dynos, chained):
    dynos.worker()
    id = dynos.task("replaced").delay(str(dynos.ledger), chained).id
    wait_for(lambda: "done instead" in dynos.lines())
    job = dynos.wait(id)
    assert (job["state"], job["kind"], job["attempt"]) == ("succeeded", "tests.ledger.work", 1)
    time.sleep(6)  # a lease
    assert dynos.lines("start") == ["start replaced", *["start before"] * chained, "start instead"]


def test_the_last_of_a_chain_may_come_before_the_slow_worker_that_it_replaces_has_let_go(make_dynos, redis):
    dynos = make_dynos(redis.url, QUEUES="slow")
    with Proxy(redis.port) as door:
        dynos.worker(WORKER_QUEUES="slow", REDIS_URL=redis.url.replace(f":{redis.port}", f":{door.port}"))
        dynos.worker(WORKER_QUEUES="default")
        door.delay = 0.3
        id = dynos.task("replaced").apply_async((str(dynos.ledger), True), queue="slow").id
        wait_for(lambda: "done instead" in dynos.lines())
        time.sleep(2)  # until it has let go
        job = dynos.wait(id)
    assert (job["state"], job["kind"]) == ("succeeded", "tests.ledger.work")
    assert dynos.lines("start") == ["start replaced", "start before", "start instead"]


def test_a_frozen_run_starts_nothing_that_follows_it(dynos):
    """The next step of a chain, a chord's count and a callback are for the run that holds the job."""
    frozen = dynos.worker()
    work = dynos.task("work")
    path = str(dynos.ledger)
    id = work.apply_async((path, "first", 7), link=work.si(path, "second")).id
    wait_for(lambda: dynos.lines("start"))
    old = dynos.job(id)["worker"]
    frozen.signal_all(signal.SIGSTOP)
    dynos.worker()
    wait_for(lambda: dynos.job(id)["worker"] != old, 40)
    frozen.signal_all(signal.SIGCONT)
    wait_for(lambda: len(dynos.lines("done first")) == 1)
    time.sleep(1)
    assert dynos.lines("start second") == []
    wait_for(lambda: dynos.lines("done second"))
    assert dynos.lines("start second") == ["start second"]


def test_expires_counts_from_the_call_and_shows_as_cancelled(dynos):
    id = dynos.work("expired", expires=0.5)
    time.sleep(1)
    dynos.worker()
    job = dynos.wait(id)
    assert (job["state"], job["error"]["type"]) == ("cancelled", "Expired")
    assert dynos.lines() == []


def test_a_hard_time_limit_fails_the_job(dynos):
    dynos.worker()
    job = dynos.wait(dynos.task("too_long").delay(str(dynos.ledger), "long").id)
    assert (job["state"], job["error"]["type"]) == ("failed", "TimeLimitExceeded")
    assert dynos.lines() == ["start long"]


def test_a_task_on_celerys_own_base_class_has_no_record_and_runs(dynos):
    dynos.worker()
    id = dynos.task("plain").delay(str(dynos.ledger), "plain").id
    wait_for(lambda: dynos.lines("done"))
    assert dynos.store.get(id) is None


def test_a_message_from_a_program_that_has_only_celery_becomes_a_job(dynos):
    dynos.worker()
    dynos.celery.send_task("tests.ledger.work", (str(dynos.ledger), "foreign"), task_id="foreign-1")
    wait_for(lambda: dynos.store.get("foreign-1"))
    assert dynos.wait("foreign-1")["state"] == "succeeded"


def test_a_program_that_has_only_celery_needs_no_more_than_the_name(dynos):
    """Not ours at all: no store, no header of ours."""
    dynos.worker()
    with celery.Celery("plain", broker=dynos.env["REDIS_URL"], set_as_current=False) as plain:
        plain.conf.task_default_queue = QUEUE
        plain.send_task("tests.ledger.work", (str(dynos.ledger), "plain"), task_id="plain-1")
    wait_for(lambda: dynos.lines("done"))
    assert dynos.wait("plain-1")["state"] == "succeeded"


@pytest.mark.parametrize("given, seen", [({"mine": 1}, {"mine": 1}), (None, None)])
def test_headers_are_those_of_the_caller_at_each_attempt_and_in_what_is_stored(dynos, given, seen):
    dynos.worker()
    job = dynos.wait(dynos.task("headers").apply_async((str(dynos.ledger),), headers=given).id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert [json.loads(line) or None for line in dynos.lines()] == [seen, seen]
    assert RECORDED not in dynos.store.get(job["id"])["message"]


def test_a_misspelt_queue_and_arguments_that_are_no_json_are_refused(dynos):
    with pytest.raises(QueueNotFound, match="defualt"):
        dynos.work("nowhere", queue="defualt", countdown=60)
    with pytest.raises(EncodeError):
        dynos.task("add").delay(object(), 1)
    assert set(dynos.store.counts().values()) == {0}


def test_remote_control_is_there_for_those_who_want_flower(dynos):
    command = [sys.executable, "-m", "celery", "--broker", dynos.env["REDIS_URL"], "inspect", "ping", "--timeout", "3"]
    silent = dynos.worker()
    assert "pong" not in subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    silent.end()
    dynos.worker(REMOTE_CONTROL="1")
    assert "pong" in subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def test_one_callback_may_serve_many_jobs(dynos):
    dynos.worker()
    callback = dynos.task("work").si(str(dynos.ledger), "called")
    for n in range(3):
        dynos.task("add").apply_async((n, n), link=callback)
    wait_for(lambda: len(dynos.lines("done")) == 3)


@pytest.mark.parametrize("how, state, runs", [
    ("ignore", "succeeded", 1), ("reject", "failed", 1), ("requeue", "succeeded", 3), ("memory", "failed", 1)])
def test_the_other_ways_to_end_a_task(dynos, how, state, runs):
    worker = dynos.worker()
    job = dynos.wait(dynos.task("ends_by").delay(str(dynos.ledger), how).id)
    assert job["state"] == state
    assert len(dynos.lines("start")) == runs
    assert dynos.wait(dynos.work("next"))["state"] == "succeeded"
    assert worker.text().count("ready.") == 1  # not started again


@pytest.mark.parametrize("what, result", [
    ("time", "2027-01-31 00:00:00+00:00"), ("nan", "nan"), ("object", "<class 'set'>"), ("large", None),
    ("none", None), ("no UTF-8", "caf?.txt")])
def test_whatever_a_task_returns_the_job_ends(dynos, what, result):
    dynos.worker()
    job = dynos.wait(dynos.task("returns").delay(what).id)
    assert (job["state"], job["result"], job["attempt"]) == ("succeeded", result, 1)


def test_an_error_about_a_name_that_is_no_utf_8_ends_the_job(dynos):
    dynos.worker()
    job = dynos.wait(dynos.task("boom").delay("caf\udce9.txt").id)
    assert (job["state"], job["error"]["message"], job["attempt"]) == ("failed", "caf?.txt", 1)
    assert job["params"]["args"] == ["caf?.txt"]
    assert "RuntimeError: caf?.txt" in dynos.store.get(job["id"])["traceback"]


def test_called_as_a_function_or_eagerly_a_task_needs_no_store(dynos):
    again = dynos.task("again")
    assert dynos.task("add")(1, 2) == 3
    assert again.apply((str(dynos.ledger), "eager", 0)).get() == "eager"
    assert [line.split()[2] for line in dynos.lines()] == ["0", "1", "2"]
    assert sum(dynos.store.counts().values()) == 0


def test_error_callbacks_hear_of_a_job_whose_process_died_each_time(dynos):
    dynos.worker()
    told = dynos.task("report_failure").s(str(dynos.ledger))
    id = dynos.task("die").apply_async((str(dynos.ledger), "die"), link_error=told).id
    assert dynos.wait(id)["state"] == "failed"
    wait_for(lambda: dynos.lines("told"))
    assert len(dynos.lines("told")) == 1


def test_error_callbacks_hear_of_a_job_whose_worker_died_each_time(dynos):
    worker = dynos.worker()
    told = dynos.task("report_failure").s(str(dynos.ledger))
    id = dynos.task("work").apply_async((str(dynos.ledger), "long", 60), link_error=told).id
    dynos.store.redis.hset(f"{PREFIX}job:{id}", "max_attempts", 1)
    wait_for(lambda: dynos.lines("start"))
    worker.signal_all(signal.SIGKILL)
    dynos.worker()
    assert dynos.wait(id)["error"]["type"] == "WorkerLost"
    wait_for(lambda: dynos.lines("told"))


def test_options_of_the_task_itself_count(dynos):
    id = dynos.task("short_lived").delay(str(dynos.ledger)).id
    time.sleep(1.5)
    dynos.worker()
    assert dynos.wait(id)["error"]["type"] == "Expired"


def test_a_second_message_that_has_expired_does_not_stop_the_job_that_runs(dynos):
    dynos.worker()
    id = dynos.work("long", 5, expires=2)
    wait_for(lambda: dynos.lines("start"))
    time.sleep(2.2)
    ((_, kind, message),) = dynos.store.messages([id])
    publish(dynos.celery, id, kind, json.loads(message))
    assert dynos.wait(id)["state"] == "succeeded"


def test_what_takes_the_place_of_a_task_runs_once_though_the_answer_to_that_was_lost(make_dynos, redis):
    dynos = make_dynos(redis.url, QUEUES="slow")
    with Proxy(redis.port) as door:
        dynos.worker(WORKER_QUEUES="slow", REDIS_URL=redis.url.replace(f":{redis.port}", f":{door.port}"))
        dynos.worker(WORKER_QUEUES="default")
        door.delay = 0.3
        id = dynos.task("replaced").apply_async((str(dynos.ledger), False), queue="slow").id
        wait_for(lambda: "start instead" in dynos.lines())
        door.bar()
        door.free()
        wait_for(lambda: "done instead" in dynos.lines())
        time.sleep(2)  # until it has asked again
        dynos.wait(id)
    assert dynos.lines("start") == ["start replaced", "start instead"]
