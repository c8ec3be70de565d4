"""What a job logs is kept for its page, and never in the job's way."""

import json

import pytest

from app.store import PREFIX
from tests.dynos import Server, wait_for
from tests.ledger import note
from tests.stores import fail, start, submit


def messages(dynos, id):
    return [(line["attempt"], line["level"], line["message"]) for line in dynos.store.logs(id)]


def talk(dynos, how):
    return dynos.task("talks").delay(str(dynos.ledger), how).id


def test_the_lines_of_each_attempt_are_kept_and_those_of_celery_are_not(dynos):
    dynos.worker(LOG_LEVEL="DEBUG")
    id = talk(dynos, "fails")
    assert dynos.wait(id)["state"] == "failed"
    lines = [line for line in messages(dynos, id) if not line[2].startswith("job ")]
    assert lines == [(1, "INFO", "attempt 1 of fails"), (2, "INFO", "attempt 2 of fails")]
    first = dynos.store.logs(id)[0]
    assert first["logger"] == "a.library"
    assert abs(first["at"] - float(dynos.store.get(id)["created"])) < 30_000
    other = dynos.wait(dynos.work("silent"))["id"]
    assert dynos.store.logs(other) == []
    assert 86400 < dynos.store.redis.ttl(f"{PREFIX}log:{id}") <= 2 * 86400


def test_of_many_lines_the_last_are_kept_each_cut(dynos):
    dynos.worker()
    id = talk(dynos, "much")
    dynos.wait(id)
    lines = dynos.store.logs(id)
    assert [line["message"].split()[1] for line in lines] == [str(n) for n in range(40, 60)]  # it has succeeded
    assert {len(line["message"]) for line in lines} == {300}


def test_a_line_that_cannot_be_written_as_it_is_harms_nothing(dynos):
    dynos.worker()
    id = talk(dynos, "badly")
    assert dynos.wait(id)["state"] == "succeeded"
    assert [message for *_, message in messages(dynos, id)] == ["attempt 1 of badly", "half a pair: ?"]


def test_what_a_job_said_before_it_hangs_is_there_while_it_does(dynos):
    dynos.worker()
    id = talk(dynos, "waits")
    wait_for(lambda: messages(dynos, id) == [(1, "INFO", "attempt 1 of waits")], 10)
    note(dynos.ledger, "go on")
    dynos.wait(id)


def test_a_warning_is_there_at_once_and_outlives_the_process(dynos):
    dynos.worker()
    id = talk(dynos, "dies")
    dynos.wait(id)
    assert messages(dynos, id) == [line for n in (1, 2) for line in (
        (n, "INFO", f"attempt {n} of dies"), (n, "WARNING", "about to die"))]


@pytest.fixture
def server(tmp_path):
    """One that keeps its data, and may be stopped or frozen when the test ends."""
    (tmp_path / "redis").mkdir()
    server = Server(tmp_path / "redis")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.mark.parametrize("take_away, bring_back", [(Server.stop, Server.start), (Server.freeze, Server.thaw)])
def test_a_job_does_not_wait_for_a_redis_that_is_away_to_take_its_lines(server, make_dynos, take_away, bring_back):
    dynos = make_dynos(server.url, LEASE_SECONDS="60")
    dynos.worker()
    id = talk(dynos, "waits")
    wait_for(lambda: dynos.lines("said"))
    take_away(server)
    note(dynos.ledger, "go on")
    wait_for(lambda: dynos.lines("logged"))
    bring_back(server)
    assert dynos.wait(id, seconds=60)["state"] == "succeeded"
    assert dynos.lines("done") == ["done waits"]


def test_lines_are_refused_when_redis_is_rather_full_and_of_a_job_that_is_gone(store):
    submit(store)
    assert store.log("a", ["{}"], 60)
    assert not store.log("gone", ["{}"], 60)
    assert store.redis.keys(PREFIX + "log:*") == [PREFIX + "log:a"]
    assert 0 < store.redis.ttl(PREFIX + "log:a") <= 60
    used = store.redis.info("memory")["used_memory"]
    store.redis.config_set("maxmemory", int(used / 0.35))
    assert store.log("a", ["{}"], 60)
    store.redis.config_set("maxmemory", int(used / 0.45))
    assert not store.log("a", ["{}"], 60)
    assert store.settle("a", start(store).token, "w1", "succeeded") == "succeeded"
    store.redis.config_set("maxmemory", 0)


def test_a_log_goes_with_its_job(store):
    for id in ("deleted", "trimmed"):
        fail(store, id)
        store.log(id, [json.dumps({"message": "x"})] * 60, 600)
        assert len(store.logs(id)) == 50
    store.delete("deleted")
    store.trim(10, -1)
    assert store.redis.keys(PREFIX + "log:*") == []
