"""What people ask of jobs: of one, and of many at once."""

import json

import pytest

from app.record import as_json
from app.store import PREFIX
from tests.stores import fail, start, state, submit


@pytest.fixture
def jobs(store):
    """One job in each state, by its name."""
    submit(store, "scheduled", delay=60)
    submit(store, "queued")
    submit(store, "running")
    start(store, "running", lease=1000)
    submit(store, "succeeded")
    store.settle("succeeded", start(store, "succeeded").token, "w1", "succeeded")
    fail(store, "failed")
    submit(store, "cancelled")
    store.expire("cancelled", {"type": "Expired", "message": "late"})
    return ["scheduled", "queued", "running", "succeeded", "failed", "cancelled", "unknown"]


@pytest.mark.parametrize("action, moved, now", [
    ("retry", ["failed", "cancelled"], "scheduled"),
    ("cancel", ["scheduled", "queued", "running"], "cancelled"),
    ("run_now", ["scheduled"], "scheduled"),
    ("reschedule", ["scheduled"], "scheduled"),
])
def test_of_many_those_move_that_can(store, clock, jobs, action, moved, now):
    assert store.act(action, jobs, due=clock() + 5000, by="page") == moved
    for id in moved:
        assert state(store, id) == ("running" if id == "running" else now)
        assert [(act["act"], act["by"]) for act in as_json(store.get(id))["acts"]] == [(action, "page")]
    assert [id for id in jobs[:-1] if id not in moved and "acts" in store.get(id)] == []
    if action in ("retry", "run_now"):
        assert store.promote(10)[1] == sorted(moved)
    if action == "reschedule":
        assert store.promote(10) == (5, [], [])


def test_only_a_finished_job_can_be_deleted_and_nothing_of_it_stays(store, jobs):
    assert store.act("delete", jobs) == ["succeeded", "failed", "cancelled"]
    assert all(store.get(id) is None for id in ("succeeded", "failed", "cancelled"))
    left = {key.removeprefix(PREFIX) for key in store.redis.keys(PREFIX + "*:*ed")}
    assert left == {f"{what}:{id}" for what in ("job", "message") for id in ("scheduled", "queued")}
    assert not store.delete("queued")
    assert not store.delete("unknown")
    store.cancel("queued")
    assert store.delete("queued")


def test_a_job_tried_again_among_many_has_all_its_attempts_and_no_trace_of_the_last(store):
    fail(store, max_attempts=1)
    store.act("retry", ["a"])
    record = store.get("a")
    assert record["attempt"] == "0"
    assert not {"error", "traceback", "progress", "finished", "started"} & set(record)
    assert store.promote(10)[1] == ["a"]
    assert start(store).attempt == 1


def test_one_thousand_jobs_are_tried_again_in_several_scripts(store):
    for n in range(1000):
        submit(store, f"job-{n}", delay=60)
    ids = store.act("cancel", store.ids("scheduled"))
    assert len(ids) == 1000
    before = store.pulse().version
    assert sorted(store.act("retry", iter(ids))) == sorted(ids)
    assert store.pulse().version == before + 5
    assert store.counts()["scheduled"] == 1000
    assert len(store.promote(1000)[1]) == 1000


def test_a_scheduled_job_moves_to_another_time_or_into_the_past(store, clock):
    submit(store, delay=60)
    assert store.reschedule("a", clock() + 120_000, by="api")
    assert (store.get("a")["due"], state(store)) == (str(clock() + 120_000), "scheduled")
    assert store.promote(10)[0] == 120
    assert store.reschedule("a", 0)
    assert store.promote(10)[1] == ["a"]
    assert not store.reschedule("a", clock() + 1000)
    assert not store.reschedule("unknown", clock() + 1000)


def test_a_record_tells_the_last_twenty_things_that_were_asked_of_it_also_after_a_retry(store, clock):
    submit(store)
    for _ in range(15):
        store.cancel("a", by="page")
        clock.forward(1)
        store.retry("a", by='"api"')
    acts = as_json(store.get("a"))["acts"]
    assert len(acts) == 20
    assert acts[-1] == {"at": as_json({**store.get("a"), "due": clock()})["due_at"], "act": "retry", "by": '"api"'}
    assert acts[-2]["act"] == "cancel"
    json.dumps(acts)


def test_what_was_refused_is_not_told(store):
    submit(store)
    store.retry("a", by="page")
    store.run_now("a", by="page")
    assert as_json(store.get("a"))["acts"] == []
