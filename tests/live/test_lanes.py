"""Lanes: of jobs with the same one, one runs at a time, in order; those of different lanes run side by side."""

import itertools
import json
import random
import signal
import time
import urllib.request
from importlib.util import find_spec

import pytest

from app import schedules
from app.config import Settings
from app.kinds import kinds
from app.queue import make_celery
from app.store import PREFIX
from app.web import create_app
from tests.dynos import wait_for
from tests.stores import start, state, submit

HEADERS = {"Authorization": "Bearer t"}


def runs(dynos, *names):
    """Who ran, in order; none begins while another is at it."""
    began, going = [], None
    for line in dynos.lines():
        word, name, *_ = line.split()
        if name not in names:
            continue
        if word == "start":
            assert going is None, f"{name} began while {going} ran"
            began.append(name)
        going = name if word == "start" else None
    return began


def in_lane(dynos, names, lane="a", seconds=0.05, **options):
    return [dynos.work(name, seconds, lane=lane, **options) for name in names]


def names(letter, count):
    return [f"{letter}{n}" for n in range(count)]


def test_jobs_of_a_lane_run_one_at_a_time_in_order_over_several_workers_and_lanes_side_by_side(dynos):
    dynos.worker()
    dynos.worker()
    a, b = names("a", 15), names("b", 15)
    ids = [id for pair in zip(in_lane(dynos, a), in_lane(dynos, b, "b")) for id in pair]
    for id in ids:
        dynos.wait(id, "succeeded")
    assert runs(dynos, *a) == a and runs(dynos, *b) == b
    order = [line.split()[1][0] for line in dynos.lines("start")]
    assert len(list(itertools.groupby(order))) > 2  # they were not one after the other


def test_the_log_tells_of_one_that_waits_for_its_turn_that_it_was_accepted(dynos, logged):
    ids = in_lane(dynos, names("a", 3))
    assert [line["job"] for line in logged() if line.get("event") == "accepted"] == ids


def test_one_that_is_tried_again_keeps_the_others_waiting(dynos):
    dynos.worker()
    first = dynos.task("again").apply_async((str(dynos.ledger), "first", 1), lane="a").id
    second = dynos.work("second", lane="a")
    wait_for(lambda: dynos.store.get(first)["state"] == "scheduled", what="the first attempt")
    assert dynos.job(second)["state"] == "queued" and dynos.job(second)["attempt"] == 0
    dynos.wait(second, "succeeded")
    assert [line.split()[1] for line in dynos.lines("start")] == ["first", "first", "first", "second"]
    assert dynos.job(first)["state"] == "succeeded"


def test_a_worker_that_dies_keeps_its_job_first_until_it_has_run(dynos):
    worker = dynos.worker()
    ids = in_lane(dynos, ["one", "two"], seconds=3)
    wait_for(lambda: dynos.lines("start one"), what="its start")
    worker.signal_all(signal.SIGKILL)
    dynos.worker()
    for id in ids:
        dynos.wait(id, "succeeded")
    assert [line.split()[1] for line in dynos.lines()] == ["one", "one", "one", "two", "two"]


def test_one_that_fails_or_is_cancelled_makes_way(dynos):
    dynos.worker()
    boom = dynos.task("boom").apply_async(lane="a").id
    running, waiting, last = in_lane(dynos, ["running", "waiting", "last"], seconds=1, checkpoints=True)
    dynos.wait(running, "running")
    assert dynos.store.cancel(waiting) == "cancelled" and dynos.store.cancel(running) == "running"
    dynos.wait(last, "succeeded")
    assert [dynos.job(id)["state"] for id in (boom, running, waiting)] == ["failed", "cancelled", "cancelled"]
    assert [line.split()[1] for line in dynos.lines("start")] == ["running", "last"]


def test_a_worker_that_stops_gives_back_the_first_and_it_goes_on_before_the_others(dynos):
    worker = dynos.worker(SHUTDOWN_SECONDS="0.5")
    ids = in_lane(dynos, ["one", "two"], seconds=4)
    wait_for(lambda: dynos.lines("start one"), what="its start")
    worker.signal_all(signal.SIGTERM)
    worker.wait()
    dynos.worker()
    for id in ids:
        dynos.wait(id, "succeeded")
    assert [line.split()[1] for line in dynos.lines("start")] == ["one", "one", "two"]


def test_a_job_that_another_takes_the_place_of_keeps_its_turn(dynos):
    dynos.worker()
    dynos.task("replaced").apply_async((str(dynos.ledger), True), lane="a")
    last = dynos.work("last", lane="a")
    dynos.wait(last, "succeeded")
    assert [line.split()[1] for line in dynos.lines("start")] == ["replaced", "before", "instead", "last"]


def test_a_job_whose_place_is_never_taken_gives_up_its_turn(dynos):
    dynos.worker()
    dynos.task("replaced").apply_async((str(dynos.ledger), True, True), lane="a")
    last = dynos.work("last", lane="a")
    dynos.wait(last, "succeeded")
    assert [line.split()[1] for line in dynos.lines("start")] == ["replaced", "last"]


def test_a_lane_does_not_wait_until_somebody_looks_for_what_is_due(dynos):
    dynos.worker()
    ids = in_lane(dynos, names("a", 60), seconds=0)
    began = time.monotonic()
    for id in ids:
        dynos.wait(id, "succeeded")
    assert time.monotonic() - began < 60 * 0.25  # 30 s at two looks a second


def test_a_delayed_one_takes_its_turn_when_it_is_due(store, clock):
    submit(store, "later", lane="a", delay=10)
    assert submit(store, "now", lane="a")[0] == "queued"
    assert submit(store, "next", lane="a")[0] == "waiting"
    token = start(store, "now").token
    clock.forward(10)
    assert store.promote(10)[1] == [] and state(store, "later") == "queued"
    assert start(store, "next") == start(store, "later") == "queued"  # a message of theirs came too early
    store.try_again("now", token, "{}")
    assert store.promote(10)[1] == ["now"]  # it has not ended, and keeps its turn
    store.settle("now", start(store, "now").token, "", "succeeded")
    assert store.promote(10)[1] == ["later"]  # it was accepted before


def test_jobs_that_fall_due_together_run_in_the_order_in_which_they_were_accepted(store, clock):
    ids = [f"{n:02}" for n in range(30)]
    random.Random(1).shuffle(ids)
    for id in ids:
        submit(store, id, lane="a", delay=10)
    clock.forward(10)
    ran = []
    while len(ran) < len(ids):
        for id in store.promote(7)[1]:
            store.settle(id, start(store, id).token, "", "succeeded")
            ran.append(id)
    assert ran == ids
    assert store.promote(7) == (None, [], [])  # no worker looks again at once


def test_a_waiting_job_is_not_taken_for_one_whose_message_was_lost(store, clock):
    for id in "abc":
        submit(store, id, lane="a")
    clock.forward(1000)
    assert store.sweep_queued(10, 5, 3600, {"default": 0}) == ["a"]
    assert store.sweep_queued(10, 0, 3600, {"default": 1}) == []


def test_jobs_that_wait_for_their_turn_are_paged_through_and_found(store):
    for n in range(5):
        submit(store, str(n), lane="customer-42")
    page = store.page("queued", None, 2, None)
    seen = [record["id"] for record in page.records]
    while page.next:
        page = store.page("queued", None, 2, page.next)
        seen += [record["id"] for record in page.records]
    assert sorted(seen) == list("01234")
    assert len(store.page(None, None, 9, None, text="customer-42").records) == 5
    assert store.pulse().counts["queued"] == 5


def test_when_it_was_deleted_by_hand_the_next_one_goes(store):
    for id in "ab":
        submit(store, id, lane="x")
    for key in (f"{PREFIX}job:a", f"{PREFIX}message:a"):
        store.redis.delete(key)
    for set in ("all", "queued"):
        store.redis.zrem(PREFIX + set, "a")
    submit(store, "c", lane="x")
    assert store.promote(10)[1] == ["b"]


def test_a_lane_waits_for_what_a_job_in_it_goes_on_as(store):
    submit(store, "a", lane="x")
    token = start(store, "a").token
    store.cede("a", token)
    store.drop("a", token)
    assert submit(store, "b", lane="x")[0] == "waiting" and start(store, "b") == "queued"
    assert submit(store, "a")[0] == "queued" and not store.redis.exists(f"{PREFIX}laned:a")
    store.settle("a", start(store, "a").token, "", "succeeded")
    assert store.promote(10)[1] == ["b"]


def test_the_next_of_a_lane_is_published_by_one_who_looks_again_while_there_are_more(store):
    for lane in "xyz":
        for id in (f"{lane}1", f"{lane}2"):
            submit(store, id, lane=lane)
        store.settle(f"{lane}1", start(store, f"{lane}1").token, "", "succeeded")
    assert (store.next_in_lane("x1"), store.next_in_lane("x1")) == ("x2", None)
    assert store.promote(1) == (0, ["y2"], []) and store.promote(1) == (None, ["z2"], [])


def test_a_job_waits_since_its_turn_has_come(store, clock):
    for id in "ab":
        submit(store, id, lane="x")
    token = start(store, "a").token
    clock.forward(100)
    store.settle("a", token, "", "succeeded")
    assert int(store.get("b")["queued"]) == clock()
    clock.forward(1)
    assert start(store, "b").waited == 1


@pytest.mark.parametrize("ended", ["succeeded", "failed", "cancelled"])
def test_what_an_older_release_ended_is_neither_waited_for_nor_run_again(store, ended):
    """It knows of no lanes, and leaves none."""
    for id in "ab":
        submit(store, id, lane="x")
        store.redis.zrem(PREFIX + "queued", id)
        store.redis.zadd(PREFIX + ended, {id: store.clock()})
        store.redis.hset(f"{PREFIX}job:{id}", "state", ended)
    assert submit(store, "c", lane="x")[0] == "queued"
    assert start(store, "c").token and [state(store, id) for id in "ab"] == [ended, ended]


@pytest.mark.parametrize("ended", ["succeeded", None])
def test_a_lane_whose_first_an_older_release_ended_or_somebody_deleted_goes_on_without_another_job(store, ended):
    for id in "abc":
        submit(store, id, lane="x")
    store.redis.zrem(PREFIX + "queued", "a")
    if ended:
        store.redis.zadd(PREFIX + ended, {"a": store.clock()})
        store.redis.hset(f"{PREFIX}job:a", "state", ended)
    else:
        store.redis.delete(f"{PREFIX}job:a", f"{PREFIX}message:a")
        store.redis.zrem(PREFIX + "all", "a")
    assert store.promote(10)[1] == []
    assert store.sweep_leases(10) == [] and store.promote(10)[1] == ["b"]
    assert start(store, "c") == "queued"
    store.sweep_leases(10)
    assert store.promote(10)[1] == [] and start(store, "b").token


def test_of_many_that_wait_all_are_looked_at_in_the_end(store, clock):
    for n in range(100):
        submit(store, f"{n:02}", lane=str(n // 2))
    for n in range(0, 100, 2):  # the first of each lane
        store.redis.zrem(PREFIX + "queued", f"{n:02}")
        store.redis.zadd(PREFIX + "failed", {f"{n:02}": clock()})
        store.redis.hset(f"{PREFIX}job:{n:02}", "state", "failed")
    woken, sweeps = set(), 0
    while len(woken) < 50:
        clock.ms += 10_007
        store.sweep_leases(4)
        woken.update(store.promote(9)[1])
        sweeps += 1
    assert sweeps > 10, "not all at once"


def test_what_falls_due_together_keeps_its_order_though_lanes_are_swept_meanwhile(store, clock):
    for n in range(6):
        submit(store, f"{9 - n}", lane="x", delay=10)
    clock.forward(10)
    assert store.promote(3)[1] == []
    store.sweep_leases(10)
    assert [id for _ in range(3) for id in store.promote(3)[1]] == ["9"], "the first that was accepted"


@pytest.fixture
def client(redis):
    settings = Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"})
    return create_app(settings).test_client()


def post(client, path="/api/jobs", **more):
    body = {"kind": "sample", "params": {"label": "x"}} | more
    return client.post(path, headers=HEADERS, data=json.dumps(body), content_type="application/json")


def test_the_api_takes_a_lane_and_tells_it(client):
    made = post(client, lane="customer-42")
    assert made.json["lane"] == "customer-42" and post(client).json["lane"] is None
    assert post(client, lane="customer-42").json["state"] == "queued"


def test_the_api_lists_the_jobs_of_a_lane(client):
    ids = [post(client, lane=lane).json["id"] for lane in ("a", "b", "a")]
    listed = client.get("/api/jobs?lane=a", headers=HEADERS).json["jobs"]
    assert sorted(job["id"] for job in listed) == sorted([ids[0], ids[2]])


@pytest.mark.parametrize("lane", ["", "x" * 101, 7, ["a"]])
def test_what_is_no_lane_is_refused(client, lane):
    answer = post(client, lane=lane)
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "lane"


def test_the_jobs_of_a_schedule_take_their_turns_in_its_lane(dynos, client):
    dynos.worker()
    first = dynos.work("first", 2, lane="a")
    schedule = post(client, "/api/schedules", lane="a", cron="* * * * *").json
    assert schedule["lane"] == "a"
    dynos.store.redis.zadd(f"{PREFIX}schedules", {schedule["id"]: 1000})
    fired = wait_for(lambda: dynos.store.schedule(schedule["id"]).get("last_job"), what="its job")
    last = dynos.work("last", lane="a")
    dynos.wait(last, "succeeded")
    jobs = [dynos.store.get(id) for id in (first, fired, last)]
    assert [job["lane"] for job in jobs] == ["a"] * 3
    for before, after in itertools.pairwise(jobs):
        assert int(before["finished"]) <= int(after["started"])


def test_the_lane_of_a_schedule_is_changed_and_taken_away(client):
    schedule = post(client, "/api/schedules", lane="a", cron="* * * * *").json
    path = f"/api/schedules/{schedule['id']}"
    for lane in ("b", None):
        changed = client.patch(path, json={"lane": lane}, headers=HEADERS).json
        assert changed == client.get(path, headers=HEADERS).json == schedule | {"lane": lane}
    assert client.patch(path, json={"lane": ""}, headers=HEADERS).json["errors"][0]["field"] == "lane"


def test_a_schedule_of_a_kind_that_is_gone_keeps_its_lane(redis):
    celery = make_celery(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"}))
    _, id = schedules.create(celery, kinds(celery), schedules.NewSchedule(
        kind="sample", params={"label": "x"}, cron="* * * * *", lane="a"))
    celery.store.redis.hset(f"{PREFIX}schedule:{id}", "kind", "from-a-newer-release")
    celery.store.redis.zadd(f"{PREFIX}schedules", {id: 1000})
    job = celery.store.get(schedules.fire(celery, id))
    assert job["lane"] == "a" and "lane" not in json.loads(job["message"])
    celery.store.redis.close()


@pytest.mark.skipif(not find_spec("app.bulk"), reason="the feature was deleted")
def test_a_bulk_keeps_the_order_of_its_lines(dynos):
    dynos.web()
    lines = [{"kind": "sample", "params": {"label": str(n), "seconds": 0, "steps": 1}, "lane": "a"} for n in range(20)]
    request = urllib.request.Request(dynos.base + "/api/jobs/bulk", "\n".join(map(json.dumps, lines)).encode(), {
        "Authorization": "Bearer test-token", "Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        ids = json.load(answer)["ids"]
    dynos.worker()
    for id in ids:
        dynos.wait(id, "succeeded")
    records = [dynos.store.get(id) for id in ids]
    for before, after in itertools.pairwise(records):
        assert int(before["finished"]) <= int(after["started"])
