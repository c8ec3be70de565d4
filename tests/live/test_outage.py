"""Redis away, full, or silent: an answer within three seconds, nothing half-created, nothing accepted lost."""

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from redis.exceptions import OutOfMemoryError, ResponseError

from app.job import publish
from app.queue import QUEUE
from app.store import PREFIX
from app.transports.redis import Channel
from tests.dynos import Server, wait_for
from tests.house import OWNER, House

JOB = {"kind": "sample", "params": {"seconds": 0, "label": "x"}}


def post(dynos, path="/api/jobs", body=JOB):
    """Returns (status, headers, seconds)."""
    request = urllib.request.Request(
        dynos.base + path, json.dumps(body).encode(),
        {"Authorization": "Bearer test-token", "Content-Type": "application/json"})
    began = time.monotonic()
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, time.monotonic() - began


@pytest.fixture
def server(tmp_path):
    (tmp_path / "redis").mkdir()
    server = Server(tmp_path / "redis")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.mark.parametrize("take_away, bring_back", [
    (Server.stop, Server.start),  # refused
    (Server.freeze, Server.thaw),  # accepts, and says nothing
])
@pytest.mark.parametrize("warm", [True, False], ids=["connected before", "never connected"])
def test_creating_a_job_answers_503_in_time_and_creates_nothing(server, make_dynos, take_away, bring_back, warm):
    dynos = make_dynos(server.url)
    dynos.web()
    if warm:
        assert post(dynos)[0] == 202
    take_away(server)
    for _ in range(3):
        status, headers, seconds = post(dynos)
        assert status == 503
        assert headers["Content-Type"] == "application/problem+json"
        assert int(headers["Retry-After"]) > 0
        assert seconds < 3
    time.sleep(2)  # what still lies in the socket of a frozen Redis is out of date by then
    bring_back(server)
    wait_for(lambda: post(dynos)[0] == 202, what="the web process to find Redis again")
    ids = dynos.store.redis.zrange(PREFIX + "all", 0, -1)
    assert len(ids) == (2 if warm else 1)
    dynos.worker()
    for id in ids:
        assert dynos.wait(id)["state"] == "succeeded"


def test_the_page_and_health_say_that_redis_is_away(redis, make_dynos):
    dynos = make_dynos(redis.url)
    dynos.web()
    redis.freeze()
    for path in ("/health/ready", "/api/jobs"):
        request = urllib.request.Request(dynos.base + path, headers={"Authorization": "Bearer test-token"})
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=20)
        assert error.value.status == 503
        assert "Redis" in error.value.read().decode()
        error.value.close()
    assert urllib.request.urlopen(dynos.base + "/health/live").status == 200


def test_a_worker_that_starts_without_redis_waits_for_it(server, make_dynos):
    dynos = make_dynos(server.url)
    id = dynos.work("waiting")
    server.stop()
    worker = dynos.worker(wait=False)
    time.sleep(4)
    assert worker.popen.poll() is None
    server.start()
    assert dynos.wait(id, seconds=60)["state"] == "succeeded"


@pytest.mark.parametrize("remote_control", ["0", "1"])
def test_a_worker_goes_on_after_redis_went_away_while_it_held_a_job(server, make_dynos, remote_control):
    """celery 5.7.0 exits here with remote control on; worker.py starts it again."""
    dynos = make_dynos(server.url, REMOTE_CONTROL=remote_control)
    worker = dynos.worker()
    held = dynos.work("held", 3)
    wait_for(lambda: dynos.lines("start"))
    server.stop()
    time.sleep(1)
    server.start()
    assert dynos.wait(held, seconds=60)["state"] == "succeeded"
    assert dynos.wait(dynos.work("next"), seconds=60)["state"] == "succeeded"
    assert "PendingDeprecationWarning" not in worker.text(), "its text says what does not happen here"


def test_a_full_redis_refuses_with_503_and_keeps_what_it_accepted(make_dynos):
    server = Server()
    try:
        dynos = make_dynos(server.url)
        web = dynos.web()
        full = JOB | {"delay": 3600}
        accepted = 1
        assert post(dynos, body=full)[0] == 202
        dynos.store.redis.config_set("maxmemory", dynos.store.redis.info("memory")["used_memory"] + 100_000)
        while (status := post(dynos, body=full)[0]) == 202:
            accepted += 1
        assert status == 503
        wait_for(lambda: re.search("status=503 .*", web.text()))
        (line,) = [line for line in web.text().split("\n") if "status=503" in line]
        assert " error=OutOfMemoryError " in line
        assert accepted > 10
        counts = dynos.store.counts()
        assert counts["scheduled"] == accepted == dynos.store.redis.zcard(PREFIX + "all")
        assert sum(counts.values()) == accepted
        assert len(dynos.store.redis.keys(PREFIX + "message:*")) == accepted
    finally:
        server.stop()


#: What makes something new, but for the forms of the page, which go the same ways.
NEW = {"/api/jobs": {"json": JOB}, "/api/jobs/bulk": {"data": json.dumps(JOB), "content_type": "application/x-ndjson"},
       "/api/schedules": {"json": JOB | {"cron": "0 9 * * *"}},
       "/api/uploads": {"data": b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'
                        b"1,2\r\n--b--\r\n", "content_type": "multipart/form-data; boundary=b"}}


@pytest.mark.parametrize("path", NEW)
def test_a_full_redis_takes_nothing_new_in_part(redis, path):
    house = House(redis.url)
    if not house.app.url_map.bind("").test(path, "POST"):
        pytest.skip("it was deleted")
    bearer, before = {"Authorization": f"Bearer {OWNER}"}, house.inside()
    house.raw.config_set("maxmemory", 100_000)
    answer = house.app.test_client().post(path, headers=bearer, **NEW[path])
    assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
    assert house.inside() == before
    house.raw.config_set("maxmemory", 0)
    assert house.app.test_client().post(path, headers=bearer, **NEW[path]).status_code in (201, 202)
    house.close()


def test_a_broker_that_is_away_does_not_keep_a_job_from_being_accepted_and_run_later(redis, tmp_path, make_dynos):
    (tmp_path / "broker").mkdir()
    broker = Server(tmp_path / "broker")
    dynos = make_dynos(redis.url, BROKER_URL=broker.url)
    dynos.web()
    broker.stop()
    assert post(dynos)[0] == 202
    worker = dynos.worker(wait=False)
    wait_for(lambda: "Cannot connect" in worker.text())
    time.sleep(2)
    assert not dynos.store.workers(within=60), "it takes no jobs, so /health/ready must not count it"
    broker.start()
    (id,) = dynos.store.redis.zrange(PREFIX + "all", 0, -1)
    assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    wait_for(lambda: dynos.store.workers(within=60))
    broker.stop()


def test_a_connection_that_breaks_while_the_queue_is_declared_is_opened_again(dynos, monkeypatch):
    """kombu opens it again for the declaration, and publishes by the one that is closed."""
    plain, breaks = Channel._queue_bind, iter([True])

    def bind(channel, *args):
        if next(breaks, False):
            raise ConnectionResetError
        return plain(channel, *args)

    monkeypatch.setattr(Channel, "_queue_bind", bind)
    assert publish(dynos.celery, "some-id", "tests.ledger.work", {"args": [], "kwargs": {}})
    assert next(breaks, "tried") == "tried"
    assert dynos.store.redis.llen(QUEUE) == 1


@pytest.mark.parametrize("begin, end", [
    (lambda redis: redis.replicaof("127.0.0.1", "1"), lambda redis: redis.replicaof("NO", "ONE")),
    (lambda redis: redis.config_set("maxmemory", 100_000), lambda redis: redis.config_set("maxmemory", 0)),
    (lambda redis: fail_to_save(redis), lambda redis: redis.config_set("save", "")),
], ids=["fails over", "is full", "cannot save"])
def test_a_job_that_ends_while_redis_takes_no_writes_runs_once(redis, make_dynos, begin, end):
    dynos = make_dynos(redis.url)
    worker = dynos.worker()
    id = dynos.work("ends", 3)
    wait_for(lambda: dynos.lines("start"))
    begin(dynos.store.redis)
    wait_for(lambda: dynos.lines("done"))
    time.sleep(4)  # past its lease
    end(dynos.store.redis)
    assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    assert dynos.wait(dynos.work("next"), seconds=60)["state"] == "succeeded"
    assert dynos.lines("start") == ["start ends", "start next"]
    assert "starting it again" not in worker.text()


def test_a_worker_that_starts_while_redis_is_full_takes_jobs(dynos):
    id = dynos.work("accepted")
    dynos.store.redis.config_set("maxmemory", 100_000)
    worker = dynos.worker()
    assert dynos.wait(id)["state"] == "succeeded"
    assert "starting it again" not in worker.text()


@pytest.fixture
def redis(tmp_path):
    """One whose folder a test can take away."""
    folder = tmp_path / "disk"
    folder.mkdir()
    server = Server(None, "--dir", str(folder))
    yield server
    server.stop()


def fail_to_save(redis):
    shutil.rmtree(redis.config_get("dir")["dir"])
    redis.config_set("save", "3600 1")
    with suppress(ResponseError):
        redis.save()
    redis.bgsave()
    wait_for(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")


def test_a_redis_that_cannot_save_is_said_and_refuses_jobs_with_503(redis, dynos):
    dynos.web()
    assert dynos.store.pulse().saves is True
    fail_to_save(dynos.store.redis)
    assert dynos.store.pulse().saves is False
    assert post(dynos)[0] == 503
    dynos.store.redis.config_set("save", "")
    assert post(dynos)[0] == 202


def test_a_job_that_was_accepted_goes_to_its_end_while_redis_is_full(dynos):
    """Only new jobs are refused: what runs settles, renews its lease and can be cancelled with the last memory."""
    dynos.worker()
    ends, cancelled = dynos.work("ends", 2), dynos.work("cancelled", 60, checkpoints=True)
    scheduled = dynos.work("scheduled", countdown=600)
    wait_for(lambda: len(dynos.lines("start")) == 2)
    dynos.store.redis.config_set("maxmemory", 100_000)
    assert dynos.wait(ends)["state"] == "succeeded"
    assert dynos.store.cancel(scheduled) == "cancelled"
    assert dynos.store.cancel(cancelled) == "running"
    assert dynos.wait(cancelled)["state"] == "cancelled"
    assert dynos.store.workers(within=10)
    with pytest.raises(OutOfMemoryError):
        dynos.work("refused")
    assert dynos.store.trim(10, 0) == 3
