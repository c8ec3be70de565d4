"""Recurring jobs: the API, what one occurrence is with many workers, and what becomes of those that were missed."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app import schedules
from app.accept import Invalid
from app.config import Settings
from app.connections import connect
from app.queue import make_celery
from app.record import as_json
from app.store import Store
from app.timers import Timers
from app.web import create_app
from tests import ledger  # noqa: F401 - its kind, sample
from tests.dynos import wait_for
from tests.stores import fail

WEEKLY = {"kind": "sample", "params": {"seconds": 0, "label": "x"}, "cron": "0 9 * * 1", "timezone": "Europe/Madrid"}


@pytest.fixture
def settings(redis):
    return Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t", "SECRET_KEY": "s"})


@pytest.fixture
def call(settings):
    app = create_app(settings)
    client = app.test_client()

    def call(method, path, body=None, **headers):
        return client.open(path, method=method, json=body, headers={"Authorization": "Bearer t"} | headers)

    yield call
    app.extensions["store"].redis.close()


class Clock:
    def __init__(self, at: str):
        self.ms = int(datetime.fromisoformat(at).timestamp() * 1000)

    def __call__(self):
        return self.ms


@pytest.fixture
def at(settings):
    """Returns (Celery app whose store has a clock of its own, the clock)."""
    clock = Clock("2026-11-23T08:30:00+01:00")  # a Monday
    celery = make_celery(settings)
    celery.store = Store(connect(settings.redis_url, patient=False), clock)
    celery.store.now = lambda: clock.ms / 1000
    yield celery, clock
    celery.store.redis.close()


def create(celery, **options):
    from app.kinds import kinds

    new = schedules.NewSchedule(**WEEKLY | options)
    return schedules.create(celery, kinds(celery), new)[1]


def tick(celery):
    """What every worker does; returns ids of the jobs that there are now."""
    Timers(celery).promote()
    return celery.store.redis.zrange("jobs:all", 0, -1)


def test_a_schedule_is_created_and_can_be_read(call):
    answer = call("POST", "/api/schedules", WEEKLY)
    assert answer.status_code == 201
    schedule = answer.json
    assert answer.headers["Location"] == f"/api/schedules/{schedule['id']}"
    assert list(schedule) == ["id", "kind", "params", "cron", "timezone", "meaning", "paused", "next_at", "last_at",
                              "last_job", "created_at", "queue", "priority", "lane"]
    assert {name: schedule[name] for name in WEEKLY} == WEEKLY
    assert (schedule["meaning"], schedule["paused"], schedule["last_at"]) == ("At 09:00 on Monday", False, None)
    due = datetime.fromisoformat(schedule["next_at"])
    assert due.weekday() == 0 and due > datetime.now(UTC) and due - datetime.now(UTC) <= timedelta(days=7)
    assert call("GET", answer.headers["Location"]).json == schedule
    assert call("GET", "/api/schedules").json == {"schedules": [schedule]}


def test_a_schedule_is_changed_paused_and_resumed(call):
    schedule = call("POST", "/api/schedules", WEEKLY).json
    path = f"/api/schedules/{schedule['id']}"
    changed = call("PATCH", path, {"cron": "30 7 * * *", "timezone": "UTC"}).json
    assert (changed["cron"], changed["timezone"], changed["next_at"][11:16]) == ("30 7 * * *", "UTC", "07:30")
    assert changed["params"] == WEEKLY["params"]
    paused = call("PATCH", path, {"paused": True}).json
    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert call("PATCH", path, {"params": {"label": "y"}}).json["paused"] is True
    resumed = call("PATCH", path, {"paused": False}).json
    assert (resumed["next_at"], resumed["params"]) == (changed["next_at"], {"label": "y"})


def test_a_deleted_schedule_is_gone(call):
    path = f"/api/schedules/{call('POST', '/api/schedules', WEEKLY).json['id']}"
    assert call("DELETE", path).status_code == 204
    assert [call(method, path, body).status_code for method, body in (
        ("GET", None), ("PATCH", {"paused": True}), ("DELETE", None))] == [404, 404, 404]
    assert call("GET", "/api/schedules").json == {"schedules": []}


@pytest.mark.parametrize("body, field", [
    ({}, "kind"),
    (WEEKLY | {"kind": "nope"}, "kind"),
    (WEEKLY | {"cron": "whenever"}, "cron"),
    ({"kind": "sample", "params": {"label": "x"}}, "cron"),
    (WEEKLY | {"timezone": "Mars/Olympus"}, "timezone"),
    (WEEKLY | {"timezone": 1}, "timezone"),
    (WEEKLY | {"params": {"label": 5}}, "params.label"),
    (WEEKLY | {"params": []}, "params"),
    (WEEKLY | {"paused": "no"}, "paused"),
    (WEEKLY | {"delay": 5}, "delay"),
    ([], "body"),
])
def test_bad_input_is_named(call, body, field):
    answer = call("POST", "/api/schedules", body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json["errors"]]
    assert call("GET", "/api/schedules").json == {"schedules": []}


@pytest.mark.parametrize("body, field", [
    ({"cron": "whenever"}, "cron"), ({"cron": None}, "cron"), ({"timezone": "x"}, "timezone"),
    ({"params": {"label": 5}}, "params.label"), ({"kind": "demo"}, "kind"), ({"next_at": "x"}, "next_at")])
def test_a_bad_change_is_named_and_changes_nothing(call, body, field):
    schedule = call("POST", "/api/schedules", WEEKLY).json
    answer = call("PATCH", f"/api/schedules/{schedule['id']}", body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json["errors"]]
    assert call("GET", f"/api/schedules/{schedule['id']}").json == schedule


def test_without_the_token_nobody_may(call):
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("PATCH", "/x"), ("DELETE", "/x")):
        assert call(method, f"/api/schedules{path}", {}, Authorization="Bearer wrong").status_code == 401


def test_a_request_that_is_sent_twice_makes_one_schedule(call):
    first = call("POST", "/api/schedules", WEEKLY, **{"Idempotency-Key": "k"})
    again = call("POST", "/api/schedules", WEEKLY, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json) == (201, first.json)
    other = call("POST", "/api/schedules", WEEKLY | {"cron": "0 8 * * *"}, **{"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert len(call("GET", "/api/schedules").json["schedules"]) == 1


def test_there_are_only_so_many_schedules(call, monkeypatch):
    monkeypatch.setattr(schedules, "MOST", 1)
    assert call("POST", "/api/schedules", WEEKLY).status_code == 201
    answer = call("POST", "/api/schedules", WEEKLY)
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert "Delete one" in answer.json["detail"]


def test_an_occurrence_becomes_a_job_that_names_its_schedule(at):
    celery, clock = at
    id = create(celery)
    assert tick(celery) == []
    clock.ms = int(datetime.fromisoformat("2026-11-23T09:00:00.200+01:00").timestamp() * 1000)
    (job,) = tick(celery)
    record = as_json(celery.store.get(job))
    assert (record["schedule"], record["state"], record["params"]) == (id, "queued", WEEKLY["params"])
    assert (record["due_at"], record["max_attempts"]) == ("2026-11-23T08:00:00.000Z", 3)
    entry = schedules.as_json(celery.store.schedule(id))
    assert (entry["last_job"], entry["last_at"]) == (job, "2026-11-23T08:00:00.000Z")
    assert entry["next_at"] == "2026-11-30T08:00:00.000Z"
    assert tick(celery) == [job]


def test_what_was_missed_in_an_outage_runs_once(at):
    celery, clock = at
    id = create(celery, cron="0 * * * *")
    clock.ms += 3 * 86400_000
    assert len(tick(celery)) == 1
    assert schedules.as_json(celery.store.schedule(id))["next_at"] == "2026-11-26T08:00:00.000Z"
    assert len(tick(celery)) == 1


def test_a_paused_schedule_makes_no_job_and_owes_none_afterwards(at):
    from app.kinds import kinds

    celery, clock = at
    id = create(celery, cron="0 * * * *")
    schedules.change(celery, kinds(celery), id, schedules.Change(paused=True))
    clock.ms += 86400_000
    assert tick(celery) == []
    schedules.change(celery, kinds(celery), id, schedules.Change(paused=False))
    assert tick(celery) == []
    clock.ms += 3600_000
    assert len(tick(celery)) == 1


def test_two_who_saw_the_same_occurrence_fire_it_once(at):
    celery, clock = at
    id = create(celery)
    clock.ms += 3600_000
    entry = celery.store.schedule(id)
    fired = [celery.store.fire(id, entry["version"], entry["due"], entry["due"] + 1000_000, "sample", "{}",
                                most=9) for _ in range(2)]
    assert fired == [f"{id}-{entry['due']}", None]


def test_a_schedule_that_was_changed_meanwhile_is_not_fired_by_what_was_read_before(at):
    from app.kinds import kinds

    celery, clock = at
    id = create(celery)
    clock.ms += 3600_000
    entry = celery.store.schedule(id)
    schedules.change(celery, kinds(celery), id, schedules.Change(params={"label": "new"}))
    assert celery.store.fire(id, entry["version"], entry["due"], entry["due"] + 1000, "sample", "{}", most=9) is None
    (job,) = tick(celery)  # what was due stays due
    assert as_json(celery.store.get(job))["params"] == {"label": "new"}


def of_redis(celery, full):
    celery.store.redis.config_set("maxmemory", 100_000 if full else 0)


def of_waiting_max(celery, full):
    celery.settings = replace(celery.settings, waiting_max=0 if full else 1)


@pytest.mark.parametrize("limit", [of_redis, of_waiting_max])
def test_an_occurrence_for_which_there_is_no_room_becomes_a_job_when_there_is(at, limit, caplog):
    celery, clock = at
    id = create(celery)
    clock.ms += 3600_000
    limit(celery, full=True)
    assert tick(celery) == []
    assert "WAITING_MAX" in caplog.text
    limit(celery, full=False)
    clock.ms += 59_000
    assert tick(celery) == [], "the next look is after a minute, not at once and again and again"
    clock.ms += 1000
    (job,) = tick(celery)
    assert celery.store.schedule(id)["last_job"] == job
    assert schedules.as_json(celery.store.schedule(id))["next_at"] == "2026-11-30T08:00:00.000Z", "as ever"


def test_what_ended_makes_room_for_an_occurrence(at):
    celery, clock = at
    create(celery)
    fail(celery.store, "old", message="x" * 50_000)
    clock.ms += 3600_000
    celery.store.redis.config_set("maxmemory", celery.store.redis.info("memory")["used_memory"] - 10_000)
    (job,) = tick(celery)
    assert job != "old"
    celery.store.redis.config_set("maxmemory", 0)


def test_one_that_no_longer_makes_sense_can_still_be_paused_and_is_refused_when_resumed(at):
    from app.kinds import kinds

    celery, clock = at
    id = create(celery)
    celery.store.redis.hset(f"jobs:schedule:{id}", "params", "{}")
    assert schedules.change(celery, kinds(celery), id, schedules.Change(paused=True))
    assert celery.store.schedule(id)["due"] is None
    for wish in ({"paused": False}, {"params": {"label": 5}}):
        with pytest.raises(Invalid):
            schedules.change(celery, kinds(celery), id, schedules.Change(**wish))


def test_the_trace_of_one_that_was_deleted_by_hand_is_dropped(at):
    celery, clock = at
    id = create(celery)
    celery.store.redis.delete(f"jobs:schedule:{id}")
    clock.ms += 3600_000
    assert tick(celery) == []
    assert celery.store.redis.zcard("jobs:schedules") == 0


def test_a_schedule_of_a_kind_that_is_gone_still_makes_its_job_and_goes_on(at):
    celery, clock = at
    id = create(celery)
    celery.store.redis.hset(f"jobs:schedule:{id}", "kind", "from-a-newer-release")
    clock.ms += 3600_000
    (job,) = tick(celery)
    assert as_json(celery.store.get(job))["kind"] == "from-a-newer-release"
    assert celery.store.schedule(id)["due"] > clock.ms


def test_a_file_that_a_schedule_names_lives_from_one_occurrence_to_the_next_however_long(at):
    celery, clock = at
    file = celery.files.put("a.csv", "text/csv", io.BytesIO(b"x"), most_mb=5, limit="UPLOAD_MAX_MB").id
    key, day = f"jobs:file:{file}", 86400
    assert celery.store.redis.ttl(key) <= 7 * day
    create(celery, cron="0 9 1 * *", params={"label": file})
    assert 14 * day < celery.store.redis.ttl(key) < 15.1 * day  # a week after 1 December, 9:00 in Madrid
    clock.ms += 8 * day * 1000 + 3600_000
    tick(celery)
    assert 37 * day < celery.store.redis.ttl(key) < 38.1 * day  # a week after 1 January


@pytest.mark.parametrize("field, value", [("cron", "whenever"), ("timezone", "Mars/Olympus"), ("params", "{"),
                                          ("cron", "0 0 30 2 *")])
def test_one_that_cannot_be_fired_is_paused_and_holds_up_nothing(at, field, value):
    """Somebody has changed it by hand, or a release no longer knows its zone."""
    celery, clock = at
    bad, good = create(celery), create(celery)
    celery.store.redis.hset(f"jobs:schedule:{bad}", field, value)
    clock.ms += 3600_000
    assert [job.rpartition("-")[0] for job in tick(celery)] == [good]
    assert celery.store.schedule(bad)["due"] is None
    if field != "params":
        assert schedules.as_json(celery.store.schedule(bad))["paused"]


def test_with_five_workers_each_occurrence_runs_once(dynos):
    for _ in range(5):
        dynos.worker(wait=False, WORKER_CONCURRENCY="1")
    wait_for(lambda: len(dynos.store.workers(within=30)) == 5, 60)
    ids = [create(dynos.celery, cron="0 0 1 * *") for _ in range(20)]
    due = int(dynos.store.now() * 1000)
    pipe = dynos.store.redis.pipeline()
    for id in ids:  # as if it were the first of the month
        pipe.zadd("jobs:schedules", {id: due})
    pipe.execute()
    wait_for(lambda: dynos.store.counts()["succeeded"] == len(ids), 60)
    jobs = dynos.store.page(None, None, 200, None).records
    assert sorted(job["id"] for job in jobs if job["due"] == str(due)) == sorted(f"{id}-{due}" for id in ids)
    assert {job["attempt"] for job in jobs} == {"1"}
    assert all(entry["due"] > due for entry in dynos.store.schedules())
