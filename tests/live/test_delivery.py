"""The promise: a job runs when it was asked to, once, whatever happens to the dynos in between."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.job import wake
from app.queue import QUEUE
from app.steps import UNREGISTERED_TIMES
from app.store import PREFIX
from tests.dynos import Server, wait_for


def test_ten_jobs_in_flight_survive_the_kill_of_every_process(redis, make_dynos):
    lease = 10
    dynos = make_dynos(redis.url, LEASE_SECONDS=str(lease), WORKER_CONCURRENCY="10")
    first = dynos.worker()
    ids = [dynos.work(f"job-{n}", 2) for n in range(10)]
    wait_for(lambda: len(dynos.lines("start")) == 10, what="ten jobs in flight")
    first.signal_all(signal.SIGKILL)
    killed = time.monotonic()
    dynos.worker()
    for id in ids:
        assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    assert time.monotonic() - killed < 2 * lease
    assert sorted(dynos.lines("done")) == sorted(f"done job-{n}" for n in range(10))
    assert [a["outcome"] for a in dynos.job(ids[0])["attempts"]] == ["lost", "succeeded"]


def test_sigterm_twice_to_every_process_loses_nothing_and_doubles_nothing(dynos):
    worker = dynos.worker()  # has 5 s to finish
    short, long = dynos.work("short", 2), dynos.work("long", 9)
    wait_for(lambda: len(dynos.lines("start")) == 2)
    worker.signal_all(signal.SIGTERM)
    asked = time.monotonic()
    time.sleep(0.5)
    worker.signal_all(signal.SIGTERM)
    assert worker.wait() == 0
    assert time.monotonic() - asked < 30
    assert dynos.job(short)["state"] == "succeeded"
    assert dynos.job(long)["state"] == "queued"
    dynos.worker()
    job = dynos.wait(long)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)  # the interrupted attempt does not count
    assert [a["outcome"] for a in job["attempts"]] == ["interrupted", "succeeded"]
    assert sorted(dynos.lines("done")) == ["done long", "done short"]


def test_progress_is_heard_however_often_a_job_asks_whether_to_go_on(dynos):
    dynos.worker()
    id = dynos.task("chatty").delay().id
    wait_for(lambda: (dynos.job(id)["progress"] or {}).get("done", 0) >= 5)
    assert dynos.job(id)["state"] == "running"
    dynos.store.cancel(id)
    dynos.wait(id)


def test_a_job_that_can_resume_makes_way_at_once_and_goes_on_where_it_was(redis, make_dynos):
    dynos = make_dynos(redis.url, SHUTDOWN_SECONDS="25")
    worker = dynos.worker()
    id = dynos.task("by_steps").delay(str(dynos.ledger), 20).id
    wait_for(lambda: len(dynos.lines("step")) >= 3)
    worker.signal_all(signal.SIGTERM)
    asked = time.monotonic()
    assert worker.wait() == 0
    assert time.monotonic() - asked < 15  # the job has 5 s of work left, the worker 25 s of patience
    seen = len(dynos.lines("step"))
    assert seen < 20
    assert dynos.job(id)["state"] == "queued"
    dynos.worker()
    job = dynos.wait(id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert [a["outcome"] for a in job["attempts"]] == ["interrupted", "succeeded"]
    assert dynos.lines("step") == [f"step {n}" for n in range(20)]


def test_a_stopping_worker_leaves_as_soon_as_its_last_job_ends(redis, make_dynos):
    dynos = make_dynos(redis.url, SHUTDOWN_SECONDS="25")
    worker = dynos.worker()
    dynos.work("short", 2)
    wait_for(lambda: dynos.lines("start"))
    worker.signal_all(signal.SIGTERM)
    asked = time.monotonic()
    worker.wait()
    assert time.monotonic() - asked < 20
    assert dynos.lines("done") == ["done short"]


@pytest.mark.parametrize("after", [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2])
def test_sigterm_while_it_starts_ends_it_too(dynos, after):
    worker = dynos.worker(wait=False)
    time.sleep(after)
    worker.signal_all(signal.SIGTERM)
    worker.wait(20)
    assert "starting it again" not in worker.text()


def test_a_stopping_worker_starts_nothing_new(dynos):
    worker = dynos.worker(WORKER_CONCURRENCY="1")
    dynos.work("running", 4)
    wait_for(lambda: dynos.lines("start"))
    worker.signal_all(signal.SIGTERM)
    time.sleep(2)  # it looks for the signal five times a second, or later on a busy machine
    waiting = dynos.work("waiting")
    worker.wait()
    assert dynos.lines("start") == ["start running"]
    assert dynos.job(waiting)["state"] == "queued"


def test_a_job_longer_than_three_leases_runs_once_while_two_workers_run(dynos):
    dynos.worker()
    dynos.worker()
    id = dynos.work("long", 17)
    assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    assert dynos.lines() == ["start long", "done long"]


def test_a_message_that_the_broker_lost_is_published_again(dynos):
    id = dynos.work("lost")
    assert dynos.store.redis.delete(QUEUE) == 1
    dynos.worker()
    assert dynos.wait(id)["state"] == "succeeded"
    assert dynos.lines("start") == ["start lost"]


def test_a_message_lost_in_the_middle_of_a_backlog_is_found_though_the_queue_never_empties(dynos):
    lost = dynos.work("lost")
    dynos.store.redis.delete(QUEUE)
    time.sleep(2.5)  # the others are queued well after it
    dynos.worker()

    def done_while_others_wait():
        while dynos.store.redis.llen(QUEUE) < 5:
            dynos.work("other", 0.2)
        return dynos.job(lost)["state"] == "succeeded"

    wait_for(done_while_others_wait, what="the lost job, under a queue that never empties")


def test_a_message_published_twice_runs_once(dynos):
    id = dynos.work("twice", 1)
    wake(dynos.celery, [id])
    wake(dynos.celery, [id])
    dynos.worker()
    dynos.wait(id)
    wait_for(lambda: dynos.store.redis.llen(QUEUE) == 0, what="the other messages to be taken")
    wake(dynos.celery, [id])  # and one after it has ended
    last = dynos.work("last")
    dynos.wait(last)
    assert dynos.lines("start") == ["start twice", "start last"]


def test_a_frozen_worker_cannot_settle_the_job_that_another_has_taken(dynos):
    frozen = dynos.worker()
    id = dynos.work("frozen", 7)
    wait_for(lambda: dynos.lines("start"))
    old = dynos.job(id)["worker"]
    frozen.signal_all(signal.SIGSTOP)
    dynos.worker()
    wait_for(lambda: dynos.job(id)["worker"] != old, 40, "another worker to take it")
    frozen.signal_all(signal.SIGCONT)  # its run is past its time and ends at once
    wait_for(lambda: "the lease was lost" in frozen.text(), what="the frozen worker to be told")
    assert dynos.job(id)["state"] == "running"
    job = dynos.wait(id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert job["worker"] != old
    assert [a["outcome"] for a in job["attempts"]] == ["lost", "succeeded"]


def test_a_worker_that_freezes_before_the_first_line_of_a_job_does_not_begin_what_another_has_done(dynos):
    frozen = dynos.worker(FREEZE_WHEN_TAKEN="1")
    id = dynos.work("frozen")
    wait_for(lambda: dynos.job(id)["state"] == "running")
    dynos.worker()
    assert dynos.wait(id)["attempt"] == 2
    frozen.signal_all(signal.SIGCONT)
    wait_for(lambda: "event=lease_lost" in frozen.text())
    assert dynos.lines("start") == ["start frozen"]


def test_a_frozen_run_learns_at_its_next_checkpoint_that_it_lost_the_job(dynos):
    frozen = dynos.worker()
    id = dynos.work("frozen", 12, checkpoints=True)
    wait_for(lambda: dynos.lines("start"))
    old = dynos.job(id)["worker"]
    frozen.signal_all(signal.SIGSTOP)
    dynos.worker()
    wait_for(lambda: dynos.job(id)["worker"] != old, 40, "another worker to take it")
    frozen.signal_all(signal.SIGCONT)
    dynos.wait(id)
    assert dynos.lines("done") == ["done frozen"]


def test_a_job_that_kills_its_process_every_time_fails_after_its_attempts(dynos):
    dynos.worker()
    id = dynos.task("die").delay(str(dynos.ledger), "die").id
    job = dynos.wait(id)
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 3, "WorkerLost")
    assert len(dynos.lines("start")) == 3
    assert dynos.wait(dynos.work("next"))["state"] == "succeeded"


def test_jobs_in_flight_survive_a_restart_of_redis(tmp_path, make_dynos):
    (tmp_path / "redis").mkdir()
    redis = Server(tmp_path / "redis")
    dynos = make_dynos(redis.url)
    dynos.worker()
    running = [dynos.work(f"running-{n}", 4) for n in range(2)]
    queued = [dynos.work(f"queued-{n}") for n in range(5)]
    scheduled = dynos.work("scheduled", countdown=3)
    wait_for(lambda: len(dynos.lines("start")) == 2)
    redis.stop()
    time.sleep(6)  # longer than the lease, and than the jobs take
    redis.start()
    for id in [*running, *queued, scheduled]:
        assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    assert sorted(dynos.lines("done")) == sorted(
        ["done running-0", "done running-1", "done scheduled", *(f"done queued-{n}" for n in range(5))])
    redis.stop()


def test_five_promoters_one_run(dynos):
    ids = [dynos.work(f"job-{n}", countdown=8) for n in range(50)]
    for _ in range(5):
        dynos.worker(wait=False, WORKER_CONCURRENCY="1")
    for id in ids:
        dynos.wait(id, seconds=60)
    assert sorted(dynos.lines("start")) == sorted(f"start job-{n}" for n in range(50))


def test_a_delayed_job_is_stored_and_nothing_is_on_the_broker_until_it_is_due(dynos):
    dynos.worker()
    before = time.time()
    id = dynos.work("delayed", countdown=3)
    assert dynos.job(id)["state"] == "scheduled"
    assert dynos.store.redis.llen(QUEUE) == 0
    job = dynos.wait(id)
    started = datetime.fromisoformat(job["started_at"]).timestamp()
    assert 3 <= started - before < 10  # never early


def test_a_job_due_in_the_past_runs_at_once(dynos):
    dynos.worker()
    id = dynos.work("past", eta=datetime.now(UTC) - timedelta(days=400))
    assert dynos.wait(id, seconds=10)["state"] == "succeeded"


def test_a_worker_whose_clock_is_an_hour_behind_is_neither_late_nor_early(dynos, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import time\n_time = time.time\ntime.time = lambda: _time() - 3600\n")
    dynos.worker(PYTHONPATH=os.pathsep.join([str(tmp_path), dynos.env["PYTHONPATH"]]))
    now, later = dynos.work("now", 7), dynos.work("later", countdown=3)
    assert dynos.job(later)["state"] == "scheduled"
    assert dynos.wait(later, seconds=15)["state"] == "succeeded"
    assert dynos.wait(now)["state"] == "succeeded"
    assert sorted(dynos.lines("start")) == ["start later", "start now"]


def test_a_cancel_with_no_worker_alive_sticks(dynos):
    queued, scheduled = dynos.work("queued"), dynos.work("scheduled", countdown=2)
    assert dynos.store.cancel(queued) == "cancelled"
    assert dynos.store.cancel(scheduled) == "cancelled"
    dynos.worker()
    dynos.wait(dynos.work("last", countdown=4))
    assert dynos.lines("start") == ["start last"]
    assert dynos.job(queued)["state"] == dynos.job(scheduled)["state"] == "cancelled"


def test_a_deleted_job_whose_message_still_waits_does_not_run(dynos):
    deleted = dynos.work("deleted")
    dynos.store.cancel(deleted)
    assert dynos.store.delete(deleted)
    assert dynos.store.redis.llen(QUEUE) == 1
    worker = dynos.worker()
    dynos.wait(dynos.work("last"))
    wait_for(lambda: f"event=ignored job={deleted}" in worker.text(), what="the message to be refused")
    assert dynos.lines("start") == ["start last"]
    assert dynos.store.get(deleted) is None


def test_a_running_job_stops_at_its_next_checkpoint_when_cancelled(dynos):
    dynos.worker()
    id = dynos.work("cancelled", 30, checkpoints=True)
    wait_for(lambda: dynos.lines("start"))
    assert dynos.store.cancel(id) == "running"
    assert dynos.wait(id, seconds=10)["state"] == "cancelled"
    assert dynos.lines("done") == []


def test_a_job_whose_code_no_worker_has_fails_in_the_end_and_is_not_lost_before(dynos):
    id = dynos.store.submit("some-id", "gone", '{"args": [], "kwargs": {}}', max_attempts=2, queue=QUEUE).id
    wake(dynos.celery, [id])
    dynos.worker()
    assert dynos.wait(id, "scheduled")["attempt"] == 0
    dynos.store.redis.hset(f"{PREFIX}job:{id}", "strange", UNREGISTERED_TIMES - 1)
    dynos.store.run_now(id)
    wake(dynos.celery, [id])
    job = dynos.wait(id)
    assert (job["state"], job["error"]["type"]) == ("failed", "NotRegistered")


def test_a_worker_without_flask_runs_jobs(dynos, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['flask'] = None\n")
    dynos.worker(PYTHONPATH=os.pathsep.join([str(tmp_path), dynos.env["PYTHONPATH"]]))
    id = dynos.task("sample").delay({"label": "x", "seconds": 0.1}).id
    assert dynos.wait(id)["state"] == "succeeded"
