"""Anything may happen to jobs in any order: people ask by the HTTP API, workers move jobs, die and lose messages, time
passes, and some of what is sent is nonsense. After each step the store, the API and a model of each job must agree.

For longer than bin/test has time: MACHINE_EXAMPLES=3000 pytest -n0 --timeout 0 tests/live/test_machine.py
"""

import json
import os
import uuid
from collections import Counter
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from itertools import count, cycle
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app import accept, schedules, states
from app.config import Settings
from app.job import wake
from app.removal import delete
from app.schedules import next_due
from app.store import PREFIX, Start
from app.timers import Timers
from app.web import create_app
from tests import ledger  # noqa: F401 - its kind, sample
from tests.model import Job
from tests.stores import Clock

#: Features that an owner may have deleted.
bulk = find_spec("app.bulk") and import_module("app.bulk")
HOOK = find_spec("app.jobs.webhook") and "https://hooks.example.com/%F0?a=b"
LONG = os.environ.get("MACHINE_EXAMPLES")
OPTIONS = settings(max_examples=int(LONG or 50), stateful_step_count=60, deadline=None, derandomize=not LONG,
                   database=None, suppress_health_check=list(HealthCheck), print_blob=True)
#: The web side compares some times with its own clock.
START = int(datetime.now(UTC).timestamp()) * 1000
LEASE, RETENTION = 60, 7 * 86400
HEADERS = {"Authorization": "Bearer t"}
#: Jobs that may wait or run.
MOST = 12
#: A member of what there is by then, whatever that will be.
WHICH = st.integers(0, 999)
#: Where messages wait on the broker, the most urgent first.
LISTS = ("default\x06\x169", "default\x06\x164", "default")
PRIORITIES = st.sampled_from([None, None, 0, 4, 9])
WORKERS = st.sampled_from(["w1", "w2", "w3"])
WAITS = st.sampled_from([None, None, 0, 0.0004, 1, 59.5, 3600]) | st.floats(0, 30 * 86400)
KEYS = st.sampled_from([None, None, None, "a", "jobs:job:x", "%s*"])
LABELS = st.sampled_from(["x", "\0", "\u202e\u2028", "'\"<>{{1}}%s"]) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=100)
LANES = st.sampled_from([None, None, "a", "a", "b\n"])
CRONS = st.sampled_from(["* * * * *", "*/7 3 * * *", "0 9 * * 1-5", "0 0 29 2 *"])
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner:
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)
NONSENSE = st.one_of(
    JSON.map(json.dumps), st.binary(max_size=50), st.sampled_from([
        "", "{", "[" * 100_000, '{"kind":"sample","params":{"label":"\\ud800"}}', '{"kind":"sample","kind":"sample"}',
        '{"kind":"sample","params":{"label":"x","steps":1e400}}', '{"kind":"sample","params":{"steps":' + 5000 * "9"]),
    st.fixed_dictionaries({"kind": st.just("sample"), "params": st.fixed_dictionaries({"label": JSON})}, optional={
        "delay": JSON, "run_at": st.one_of(JSON, st.datetimes().map(str)), "extra": JSON}).map(json.dumps))


def pick(which, there, gone=()):
    """One of the ids that there are; one time in ten, one that there is not."""
    ids = [*gone, "unknown"] if not there or which % 10 == 9 else [*there]
    return ids[which // 10 % len(ids)]


def ms(iso):
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


class Machine(RuleBasedStateMachine):
    def __init__(self, app):
        super().__init__()
        self.celery = app.extensions["celery"]
        self.store, self.client, self.timers = self.celery.store, app.test_client(), Timers(self.celery)
        for name in self.store.redis.keys("*"):
            if name.startswith((PREFIX, "default")):
                self.store.redis.delete(name)
        self.store.clock = self.clock = Clock()
        self.clock.ms = START
        ids = count()
        # The same each time, as a failure must be.
        accept.uuid = lambda: str(uuid.UUID(int=next(ids)))
        if bulk:
            bulk.uuid = SimpleNamespace(uuid4=lambda: uuid.UUID(int=next(ids)), uuid5=uuid.uuid5, UUID=uuid.UUID)
        self.jobs: dict[str, Job] = {}
        self.places, self.lanes, self.wake = 0, {}, []
        self.priorities: dict[str, int] = {}
        self.gone, self.runs, self.keys, self.schedules, self.schedule_keys = [], [], {}, {}, {}
        self.filters = cycle([{}] + [{"state": state} for state in states.ALL] + [{"kind": "sample"}, {"kind": "no"}])

    # --- help ---

    def call(self, method, path, body=None, data=None, **headers):
        data = json.dumps(body) if data is None and body is not None else data
        return self.client.open("/api" + path, method=method, data=data, headers=HEADERS | headers,
                                content_type="application/json" if data is not None else None)

    def known(self, which):
        return pick(which, self.jobs, self.gone)

    def accepted(self, id, due, params, *, lane=None, **more):
        assert id not in self.jobs and id not in self.gone
        self.places += lane is not None
        self.jobs[id] = Job.made(self.clock(), due, id=id, params=params, others=self.jobs, lane=lane,
                                 place=self.places, wake=self.wake, **more)

    @property
    def next_list(self):
        """The one that a worker takes its next message from; None: there is none."""
        return next(filter(self.store.redis.llen, LISTS), None)

    @property
    def waiting(self):
        return sum(not job.is_over for job in self.jobs.values())

    def forget(self, id):
        del self.jobs[id]
        self.gone.append(id)

    # --- by the API ---

    @initialize(waits=st.lists(WAITS, max_size=3), notify=st.sampled_from([None, HOOK]))
    def begin(self, waits, notify):
        """Two jobs run, one is queued."""
        for wait in (None, None, None, *waits):
            self.create(wait, False, "one of the first", None, notify)
        self.deliver("w1", False)
        self.deliver("w2", False)

    @rule(wait=WAITS, as_time=st.booleans(), label=LABELS, key=KEYS, notify=st.sampled_from([None, None, HOOK]),
          lane=LANES, priority=PRIORITIES)
    def create(self, wait, as_time, label, key, notify, lane=None, priority=None):
        body, due = {"kind": "sample", "params": {"label": label}}, self.clock()
        more = {"notify": notify, "lane": lane, "priority": priority}
        body |= {name: value for name, value in more.items() if value is not None}
        if wait is not None and as_time:
            at = datetime.fromtimestamp(self.clock() / 1000 + wait, UTC)
            body["run_at"], due = at.isoformat(), int(at.timestamp() * 1000)
        elif wait is not None:
            body["delay"], due = wait, due + int(wait * 1000)
        answer = self.call("POST", "/jobs", body, **({"Idempotency-Key": key} if key else {}))
        if not key or key not in self.keys:
            assert answer.status_code == (202 if self.waiting < MOST else 429), answer.text
            if answer.status_code == 202:
                self.accepted(answer.json["id"], due, body["params"], notify=notify, lane=lane)
                self.priorities[answer.json["id"]] = priority or 0
                self.keys |= {key: (body, answer.json["id"])} if key else {}
        else:
            first, id = self.keys[key]
            expected = 409 if body != first else 202 if id in self.jobs else 410
            assert answer.status_code == expected
            assert expected != 202 or answer.json["id"] == id

    @rule(data=NONSENSE)
    def create_of_nonsense(self, data):
        answer = self.call("POST", "/jobs", data=data)
        if answer.status_code == 202:
            self.accepted(answer.json["id"], ms(answer.json["due_at"]), json.loads(data)["params"])
        else:
            assert answer.status_code in ((400, 422) if self.waiting < MOST else (400, 422, 429)), answer.text

    @precondition(lambda self: bulk)
    @rule(waits=st.lists(WAITS, min_size=1, max_size=5), key=KEYS, label=LABELS, nonsense=st.none() | NONSENSE,
          lane=LANES)
    def create_many(self, waits, key, label, nonsense, lane):
        jobs = [{"kind": "sample", "params": {"label": label}, "delay": wait or 0, "notify": HOOK, "lane": lane}
                for wait in waits]
        data = "\n".join(map(json.dumps, jobs))
        if nonsense is not None:
            data += f'\n{nonsense.decode(errors="replace") if isinstance(nonsense, bytes) else nonsense}\n{{"kind": 1}}'
        answer = self.call("POST", "/jobs/bulk", data=data.encode(), **({"Idempotency-Key": key} if key else {}))
        if nonsense is not None:  # all or nothing
            assert answer.status_code in (400, 413, 422)
        elif key and key in self.keys:
            assert answer.status_code == (202 if self.keys[key][0] == data else 409)
            assert answer.status_code == 409 or answer.json["ids"] == self.keys[key][1]
        elif self.waiting + len(jobs) > MOST:
            assert answer.status_code == 429
        else:
            assert answer.status_code == 202 and len(answer.json["ids"]) == len(jobs), answer.text
            for id, job in zip(answer.json["ids"], jobs):
                due, told = self.clock() + int(job["delay"] * 1000), ms(self.call("GET", f"/jobs/{id}").json["due_at"])
                assert abs(told - due) <= 1
                self.accepted(id, told, job["params"], notify=HOOK, lane=lane)
                # What was due at once has its place at once.
                if lane and told <= self.clock() + 1 and not self.jobs[id].has_turn():
                    self.jobs[id].state = states.QUEUED
            self.keys |= {key: (data, answer.json["ids"])} if key else {}

    @rule(which=WHICH, data=NONSENSE, path=st.sampled_from(["/jobs/", "/schedules/"]))
    def change_by_nonsense(self, which, data, path):
        id = self.known(which)
        answer = self.call("PATCH", path + id, data=b"!" if data == "{}" else data)
        assert answer.status_code in (400, 422, 404)

    @rule(which=WHICH, verb=st.sampled_from(["cancellation", "retry", "run-now"]))
    def ask(self, which, verb):
        id = self.known(which)
        answer = self.call("POST", f"/jobs/{id}/{verb}")
        action = {"cancellation": "cancel", "run-now": "run_now"}.get(verb, verb)
        if id not in self.jobs:
            assert answer.status_code == 404
        else:
            fine = 200 if action == "cancel" else 202
            assert answer.status_code == (fine if self.jobs[id].ask(action, self.clock(), True) else 409)

    @rule(which=WHICH, wait=st.floats(0, 10**6))
    def reschedule(self, which, wait):
        id, due = self.known(which), self.clock() + int(wait * 1000)
        answer = self.call("PATCH", f"/jobs/{id}", {"delay": wait})
        if id not in self.jobs:
            assert answer.status_code == 404
        else:
            assert answer.status_code == (200 if self.jobs[id].ask("reschedule", 0, False, due) else 409)
            if answer.status_code == 200:  # floats: it may be a millisecond off
                self.jobs[id].due = ms(answer.json["due_at"])
                assert abs(self.jobs[id].due - due) <= 1

    @rule(which=WHICH)
    def delete(self, which):
        id = self.known(which)
        answer = self.call("DELETE", f"/jobs/{id}")
        if id not in self.jobs:
            assert answer.status_code == 404
        elif self.jobs[id].is_over:
            assert answer.status_code == 204
            self.forget(id)
        else:
            assert answer.status_code == 409

    @rule(which=st.lists(WHICH, max_size=8), wait=st.integers(0, 10**6),
          action=st.sampled_from(["cancel", "retry", "run_now", "reschedule", "delete"]))
    def act_on_many(self, which, action, wait):
        ids, due = list(dict.fromkeys(map(self.known, which))), self.clock() + wait
        moved = delete(self.celery, ids) if action == "delete" else self.store.act(action, ids, due=due, by="page")
        assert moved == [id for id in ids if id in self.jobs and self.jobs[id].ask(action, self.clock(), False, due)]
        for id in moved if action == "delete" else ():
            self.forget(id)

    # --- workers ---

    @precondition(lambda self: self.next_list)
    @rule(worker=WORKERS, again=st.booleans())
    def deliver(self, worker, again):
        """The first message of the broker, which may come again."""
        name = self.next_list
        message = self.store.redis.rpop(name)
        if again:
            self.store.redis.lpush(name, message)
        id = json.loads(message)["headers"]["id"]
        start = self.store.start(id, worker, LEASE, "sample", "{}", 3, "default", True)
        expected = self.jobs[id].start(self.clock(), worker, LEASE) if id in self.jobs else "gone"
        if isinstance(start, Start):
            assert (int(start.token), start.attempt) == expected
            self.runs.append((id, start.token, worker))
        else:
            assert start == expected

    def a_run(self, which):
        """A run, perhaps of long ago, and its job: of one that is deleted, a job that nobody holds."""
        id, token, worker = self.runs[-1 - which % len(self.runs)]
        return id, token, worker, self.jobs.get(id) or Job(0, states.CANCELLED)

    @precondition(lambda self: self.runs)
    @rule(which=WHICH, progress=st.none() | st.just({"done": 1, "total": 2, "message": "‮"}))
    def checkpoint(self, which, progress):
        id, token, _, job = self.a_run(which)
        assert self.store.checkpoint(id, token, progress) == job.checkpoint(self.clock(), token)
        assert self.store.save(id, token, {"at": 1}) == job.save(token)

    @precondition(lambda self: self.runs)
    @rule(which=WHICH, state=st.sampled_from(["succeeded", "failed"]), by_worker=st.booleans(), value=JSON, text=LABELS)
    def settle(self, which, state, by_worker, value, text):
        id, token, worker, job = self.a_run(which)
        token = "" if by_worker else token
        result = json.loads(json.dumps(value, allow_nan=True).replace("NaN", "0").replace("Infinity", "0"))
        now = self.store.settle(id, token, worker, state, result=result if state == "succeeded" else None,
                                error={"type": text, "message": text} if state == "failed" else None, traceback=text)
        assert now == job.settle(self.clock(), token, worker, state)

    @precondition(lambda self: self.runs)
    @rule(which=WHICH, wait=st.floats(0, 1000), text=LABELS)
    def try_again(self, which, wait, text):
        id, token, _, job = self.a_run(which)
        message = (self.store.get(id) or {}).get("message") or "{}"
        now = self.store.try_again(id, token, message, delay=wait, error={"type": text, "message": text})
        assert now == job.try_again(self.clock(), token, self.clock() + int(wait * 1000))

    @precondition(lambda self: self.runs)
    @rule(which=WHICH, wait=st.integers(1, 10**6), text=LABELS)
    def put_off(self, which, wait, text):
        id, token, _, job = self.a_run(which)
        due = self.clock() + wait
        now = self.store.put_off(id, token, due, {"type": "Early", "message": text})
        assert now == job.put_off(self.clock(), token, due)

    @precondition(lambda self: any(job.state == states.RUNNING for job in self.jobs.values()))
    @rule(which=WHICH, cancelled=st.booleans(), state=st.sampled_from(["succeeded", "failed"]))
    def end_what_runs(self, which, cancelled, state):
        running = [id for id, job in self.jobs.items() if job.state == states.RUNNING]
        for id in running[:1 + which % 3]:
            job = self.jobs[id]
            if cancelled:
                assert self.call("POST", f"/jobs/{id}/cancellation").json["cancel_requested"] is job.ask_cancel(0)
            token = str(job.starts)
            assert self.store.settle(id, token, "", state) == job.settle(self.clock(), token, "", state)

    @precondition(lambda self: self.runs)
    @rule(which=WHICH, rejected=st.booleans(), message_lost=st.booleans())
    def make_way(self, which, rejected, message_lost):
        id, token, _, job = self.a_run(which)
        now = (self.store.requeue if rejected else self.store.interrupt)(id, token)
        assert now == job.requeue(self.clock(), token, rejected)
        if now == "queued" and not message_lost:
            wake(self.celery, [id])

    @precondition(lambda self: self.runs)
    @rule(which=WHICH)
    def process_dies(self, which):
        id, _, worker, job = self.a_run(which)
        run = self.store.process_died(id, worker)
        assert (run.state if run else "lost") == (job.lose(self.clock()) if job.holds("", worker) else "lost")

    @rule(worker=WORKERS)
    def stop(self, worker):
        mine = [job for job in self.jobs.values() if job.holds("", worker)]
        assert len(self.store.give_back(worker)) == len(mine)
        for job in mine:
            job.back(self.clock(), False)

    @rule(worker=WORKERS, which=st.lists(WHICH, max_size=3, unique=True))
    def renew(self, worker, which):
        ids = list(dict.fromkeys(map(self.known, which)))
        mine = [job for job in map(self.jobs.get, ids) if job and job.holds("", worker)]
        assert self.store.renew(worker, LEASE, ids) == len(mine)
        for job in mine:
            job.lease = self.clock() + LEASE * 1000

    @rule(which=WHICH, expired=st.booleans())
    def a_message_of_no_use(self, which, expired):
        """It has expired, or the worker has no code for it."""
        id = self.known(which)
        if id in self.jobs and expired:
            assert self.store.expire(id, {"type": "Expired", "message": ""}) == self.jobs[id].expire(self.clock())
        elif id in self.jobs:
            assert self.store.unregistered(id, 30, 2) == self.jobs[id].unregistered(self.clock(), 30, 2)

    # --- time ---

    @rule(seconds=st.sampled_from([0.001, 1, 61, 3600, 8 * 86400]))
    def time_passes(self, seconds):
        self.clock.forward(seconds)
        self.promote(100)

    @rule(seconds=st.sampled_from([0.5, 90]))
    def time_passes_without_a_worker(self, seconds):
        self.clock.forward(seconds)

    @rule(limit=st.sampled_from([1, 100]))
    def promote(self, limit):
        now, waiting = self.clock(), [(j.due, id) for id, j in self.jobs.items() if j.state == states.SCHEDULED]
        due = [id for at, id in sorted(waiting) if at <= now][:limit]
        _wait, ids, fires = self.store.promote(limit)
        assert ids == self.promoted(due, limit)
        wake(self.celery, ids)
        assert all(self.schedules[id]["due"] <= now for id in fires)
        for id in fires:
            self.fire(id)

    def promoted(self, due, limit):
        """What goes, of those that are due: a lane chooses when all of its jobs that are due have a place in it."""
        ids = []
        for job in map(self.jobs.get, due):
            job.entered, job.state = True, states.QUEUED
            if not job.lane or job.goes:
                ids.append(job.id)
            else:
                self.lanes.setdefault(job.lane, self.clock())
        for _at, lane in sorted((at, lane) for lane, at in self.lanes.items())[:limit] if len(due) < limit else ():
            del self.lanes[lane]
            Job(0, "", others=self.jobs, lane=lane, wake=self.wake).advance()
        woken, self.wake[:] = self.wake[:limit], self.wake[limit:]
        return ids + woken

    def fire(self, id):
        schedule = self.schedules[id]
        full, due = self.waiting >= MOST, schedule["due"]
        job = schedules.fire(self.celery, id)
        if full:
            assert job is None
            schedule["due"] = self.clock() + 60_000
            return
        assert job == f"{id}-{due}"
        self.accepted(job, due, schedule["params"])
        schedule["due"] = next_due(schedule["cron"], "UTC", self.clock() / 1000)
        wake(self.celery, [job])

    @rule()
    def sweep(self):
        over = {id for id, job in self.jobs.items() if job.state == states.RUNNING and job.lease <= self.clock()}
        swept = {run.id: run.state for run in self.store.sweep_leases(100)}
        assert swept == {id: self.jobs[id].lose(self.clock()) for id in over}
        wake(self.celery, [id for id, state in swept.items() if state == states.QUEUED])

    @rule()
    def look_for_lost_messages(self):
        missing = self.store.sweep_queued(100, LEASE / 3, 3600, self.timers.messages())
        assert all(self.jobs[id].state == states.QUEUED for id in missing)
        wake(self.celery, missing)

    @rule()
    def a_message_is_lost(self):
        self.store.redis.rpop(self.next_list or "default")

    @rule()
    def trim(self):
        old = [id for id, job in self.jobs.items() if job.is_over and job.ended <= self.clock() - RETENTION * 1000]
        assert self.store.trim(100, RETENTION) == len(old)
        for id in old:
            self.forget(id)

    # --- schedules ---

    @rule(cron=CRONS, label=LABELS, key=KEYS)
    def create_schedule(self, cron, label, key):
        body = {"kind": "sample", "params": {"label": label}, "cron": cron}
        answer = self.call("POST", "/schedules", body, **({"Idempotency-Key": key} if key else {}))
        first = self.schedule_keys.get(key)
        if key and first in self.schedules:
            assert answer.status_code == (201 if self.schedules[first]["body"] == body else 409)
            return
        assert answer.status_code == 201
        id = self.schedule_keys[key] = answer.json["id"]
        self.schedules[id] = {"body": body, "cron": cron, "params": body["params"],
                              "due": next_due(cron, "UTC", self.clock() / 1000)}

    @precondition(lambda self: self.schedules)
    @rule(which=WHICH, cron=st.none() | CRONS, paused=st.none() | st.booleans(), label=st.none() | st.just("new"))
    def change_schedule(self, which, cron, paused, label):
        id = pick(which, self.schedules)
        change = {"cron": cron, "paused": paused, "params": label and {"label": label}}
        change = {name: value for name, value in change.items() if value is not None}
        answer, schedule = self.call("PATCH", f"/schedules/{id}", change), self.schedules.get(id)
        assert answer.status_code == (200 if schedule else 404)
        if schedule:
            schedule |= {name: change.get(name, schedule[name]) for name in ("cron", "params")}
            paused = schedule["due"] is None if paused is None else paused
            if change.keys() - {"params"}:
                schedule["due"] = None if paused else next_due(schedule["cron"], "UTC", self.clock() / 1000)

    @precondition(lambda self: self.schedules)
    @rule(which=WHICH)
    def delete_schedule(self, which):
        id = pick(which, self.schedules)
        assert self.call("DELETE", f"/schedules/{id}").status_code == (204 if self.schedules.pop(id, None) else 404)

    # --- what holds after each step ---

    @invariant()
    def each_job_is_in_its_place_and_nowhere_else(self):
        redis = self.store.redis
        assert set(redis.zrange(PREFIX + "all", 0, -1)) == set(self.jobs)
        for state in states.ALL:
            assert set(redis.zrange(PREFIX + state, 0, -1)) == {id for id, j in self.jobs.items() if j.state == state}
        for name in ("job:", "message:"):
            assert set(redis.keys(f"{PREFIX}{name}*")) == {PREFIX + name + id for id in self.jobs}

    @invariant()
    def as_many_of_each_kind_are_counted_in_each_state_as_there_are(self):
        redis, counted = self.store.redis, {}
        for kind in redis.smembers(PREFIX + "kinds"):
            for field, n in redis.hgetall(f"{PREFIX}kind:{kind}").items():
                if field.startswith("is:") and n != "0":
                    counted[kind, field.removeprefix("is:")] = int(n)
        assert counted == Counter((job.kind, job.state) for job in self.jobs.values())

    @invariant()
    def the_api_tells_of_each_what_it_is(self):
        where, limit = next(self.filters), 3 if len(self.jobs) % 2 else 50
        told, cursor = [], {}
        while cursor is not None:
            answer = self.call("GET", "/jobs?" + urlencode(where | cursor | {"limit": limit}))
            assert answer.status_code == 200
            told += answer.json["jobs"]
            cursor = {"cursor": answer.json["next"]} if answer.json["next"] else None
        wanted = {id: job for id, job in self.jobs.items() if where.get("state") in (None, job.state)
                  and where.get("kind") in (None, job.kind)}
        assert sorted(job["id"] for job in told) == sorted(wanted)
        assert answer.json["counts"] == {s: sum(job.state == s for job in self.jobs.values()) for s in states.ALL}
        for job in told:
            model = wanted[job["id"]]
            assert (job["state"], job["attempt"], job["params"], job["cancel_requested"]) == (
                model.state, model.attempt, model.params, model.cancel)
            assert job["priority"] == self.priorities.get(job["id"], 0)
            if model.state == states.SCHEDULED:
                assert abs(ms(job["due_at"]) - model.due) <= 1

    @invariant()
    def of_a_lane_one_goes(self):
        running = [job.lane for job in self.jobs.values() if job.lane and job.state == states.RUNNING]
        assert len(running) == len(set(running))
        for lane in {job.lane for job in self.jobs.values() if job.lane}:
            told = dict(self.store.redis.zrange(f"{PREFIX}lane:{lane}", 0, -1, withscores=True))
            assert told == {id: 0 if job.goes else job.place for id, job in self.jobs.items()
                            if job.lane == lane and job.entered}

    @invariant()
    def schedules_are_what_was_asked_for(self):
        told = {entry["id"]: (entry["cron"], entry["params"], entry["due"]) for entry in self.store.schedules()}
        assert told == {id: (s["cron"], json.dumps(s["params"], separators=(",", ":"), ensure_ascii=False), s["due"])
                        for id, s in self.schedules.items()}

    def teardown(self):
        """Nothing accepted is lost: when time passes and workers live, each job comes to its end."""
        for id in [*self.schedules]:
            self.call("DELETE", f"/schedules/{id}")
        for _ in range(20):
            self.clock.forward(40 * 86400)
            self.sweep()
            self.promote(100)
            self.look_for_lost_messages()
            while self.next_list:
                self.deliver("w1", False)
            for id, job in [*self.jobs.items()]:
                if job.state == states.RUNNING:
                    token = str(job.starts)
                    job.settle(self.clock(), token, "", "succeeded")
                    assert self.store.settle(id, token, "", "succeeded") == "succeeded"
            if not self.waiting:
                self.each_job_is_in_its_place_and_nowhere_else()
                return
        pytest.fail(f"jobs are left: {self.store.counts()}")


@pytest.mark.timeout(0 if LONG else 400)  # a failure is made smaller for up to five minutes
def test_whatever_happens_no_job_is_lost_or_in_two_places(redis, monkeypatch):
    monkeypatch.setattr(accept, "uuid", accept.uuid)
    if bulk:
        monkeypatch.setattr(bulk, "uuid", bulk.uuid)
        # How long a bulk takes to come counts, and is never the same twice.
        monkeypatch.setattr(bulk, "time", SimpleNamespace(monotonic=lambda: 0))
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "SECRET_KEY": "s", "RATE_LIMIT": "0", "WAITING_MAX": str(MOST),
                                        "WEBHOOK_SECRET": "whsec_" + 32 * "A"}))
    run_state_machine_as_test(lambda: Machine(app), settings=OPTIONS)
    app.extensions["store"].redis.close()
