"""POST /api/jobs/bulk: many jobs in one request, all of them or none."""

import json
import urllib.error
import urllib.request

import pytest

from app.config import Settings
from app.store import PREFIX, Store
from app.web import bulk, create_app
from tests.dynos import wait_for
from tests.stores import MESSAGE, assert_consistent, fail, submit

HEADERS = {"Authorization": "Bearer t", "Content-Type": "application/x-ndjson"}


def job(label="x", **more):
    return {"kind": "sample", "params": {"label": label, "seconds": 0, "steps": 1}} | more


def lines(*jobs):
    return "\n".join(map(json.dumps, jobs))


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({
        "APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t", "READ_TOKEN": "r", "WAITING_MAX": "50"}))
    yield app
    assert_consistent(app.extensions["store"])
    assert not app.extensions["store"].redis.keys(PREFIX + "bulk*")


@pytest.fixture
def send(app):
    client = app.test_client()
    return lambda body, **headers: client.post("/api/jobs/bulk", data=body, headers=HEADERS | {
        name.replace("_", "-"): value for name, value in headers.items()})


def test_all_are_accepted_each_with_its_time_and_its_id(app, send):
    answer = send(lines(job("now"), job("in an hour", delay=3600), job("then", run_at="2026-12-24T18:00:00+01:00")))
    assert answer.status_code == 202
    ids = answer.json["ids"]
    assert answer.json["accepted"] == len(set(ids)) == 3
    jobs = [app.test_client().get(f"/api/jobs/{id}", headers=HEADERS).json for id in ids]
    assert [job["params"]["label"] for job in jobs] == ["now", "in an hour", "then"]
    assert [job["state"] for job in jobs] == ["scheduled"] * 3
    assert jobs[2]["due_at"] == "2026-12-24T17:00:00.000Z"
    wait = app.extensions["store"].get(ids[1])
    assert 3590_000 < float(wait["due"]) - float(wait["created"]) <= 3600_000
    assert {job["request_id"] for job in jobs} != {None}


def test_a_bad_line_is_named_and_none_is_accepted(app, send):
    answer = send("\n".join([json.dumps(job()), "", json.dumps({"kind": "sample", "params": {}}), "{no json",
                             json.dumps(job(kind="none")), "[1]"]))
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [(error["line"], error["field"]) for error in answer.json["errors"]] == [
        (3, "params.label"), (4, "body"), (5, "kind"), (6, "body")]
    assert "line 3: params.label: " in answer.json["detail"]
    assert app.extensions["store"].counts() == dict.fromkeys(app.extensions["store"].counts(), 0)


@pytest.mark.parametrize("body, status", [
    ("", 422), ("\n\n \n", 422), (b"\xff\xfe", 422), ("x" * 300_000, 413), ("[" * 100_000, 422),
    (lines(*[job()] * 51), 429),
])
def test_what_is_no_bulk_is_refused_whole(app, send, body, status):
    answer = send(body)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert not app.extensions["store"].redis.keys(PREFIX + "job:*")


def test_there_is_a_limit_of_jobs_and_of_bytes(monkeypatch, send):
    monkeypatch.setattr(bulk, "MOST", 3)
    answer = send(lines(*[job()] * 4))
    assert (answer.status_code, "more than 3 jobs" in answer.json["detail"]) == (413, True)
    assert send(lines(*[job()] * 3)).status_code == 202
    monkeypatch.setattr(bulk, "LARGEST_BULK", 100)
    assert "at most 100 bytes" in send(lines(*[job()] * 3)).json["detail"]


def test_another_type_is_told_which_one_to_send(app):
    answer = app.test_client().post("/api/jobs/bulk", data=lines(job()), headers=HEADERS | {"Content-Type": "text/csv"})
    assert (answer.status_code, "application/x-ndjson" in answer.json["detail"]) == (415, True)


def test_the_limit_of_jobs_that_wait_counts_those_that_are_there(app, send):
    assert send(lines(*[job(delay=60)] * 30)).status_code == 202
    answer = send(lines(*[job()] * 21))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "WAITING_MAX" in answer.json["detail"]
    assert "50" in answer.json["detail"]
    assert send(lines(*[job()] * 20)).status_code == 202
    one = app.test_client().post("/api/jobs", json=job(), headers={"Authorization": "Bearer t"})
    assert (one.status_code, one.headers["Retry-After"]) == (429, "60")
    assert sum(app.extensions["store"].counts().values()) == 50


def test_a_request_that_is_sent_again_makes_the_same_jobs(app, send):
    first = send(lines(job("a"), job("b")), idempotency_key="k").json
    assert send(lines(job("a"), job("b")), idempotency_key="k").json == first
    assert send(lines(job("a")), idempotency_key="k").status_code == 409
    assert sum(app.extensions["store"].counts().values()) == 2
    one = app.test_client().post("/api/jobs", json=job("a"), headers={"Authorization": "Bearer t",
                                                                     "Idempotency-Key": "k"})
    assert one.status_code == 409


def test_who_may_only_look_sends_none(app):
    reader = HEADERS | {"Authorization": "Bearer r"}
    answer = app.test_client().post("/api/jobs/bulk", data=lines(job()), headers=reader)
    assert answer.status_code == 403
    assert not app.extensions["store"].redis.keys("*job:*")


def test_none_is_accepted_where_redis_has_no_room_for_all(redis, app, send):
    store = app.extensions["store"]
    store.redis.config_set("maxmemory", store.redis.info("memory")["used_memory"] + 400_000)
    answer = send(large(45))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert not store.redis.keys(PREFIX + "job:*")
    assert sum(store.counts().values()) == 0


def large(count):
    params = {"to": "a@example.org", "password": "x" * 30_000}
    return lines(*[{"kind": "papers", "delay": 60, "params": params}] * count)


def test_a_bulk_that_is_refused_forgets_nothing_and_one_that_fits_then_no_more_than_it_must(app, send):
    store = app.extensions["store"]
    hour_ago = Store(store.redis, clock=lambda: int(store.now() * 1000) - 3600_000)
    for n in range(200):
        fail(hour_ago, f"old-{n}", message="x" * 1500)
    store.redis.config_set("maxmemory", store.redis.info("memory")["used_memory"] + 100_000)
    for body, status in ((large(20) + "\n{}", 422), (lines(*[job()] * 51), 429), (large(45), 503)):
        assert send(body).status_code == status
        assert store.counts()["failed"] == 200
    assert send(large(15)).status_code == 202
    assert 0 < store.counts()["failed"] < 200
    store.redis.config_set("maxmemory", 0)


def test_a_client_that_still_sends_when_its_first_lines_are_found_wrong_reads_why(dynos):
    dynos.web()
    body = b"no job\n" * 25 + lines(*[job("x" * 90)] * 9000).encode() * 8
    request = urllib.request.Request(dynos.base + "/api/jobs/bulk", body, HEADERS | {
        "Authorization": "Bearer test-token"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    assert error.value.code in (413, 422)


def test_once_accepted_they_are_all_made_though_the_web_process_dies_at_once(store, clock):
    wish = {"kind": "demo", "queue": "default", "max_attempts": 2, "due": 0}
    store.stage("b", [json.dumps((f"job-{n}", MESSAGE, wish)) for n in range(1250)])
    assert store.accept("b", 1250, 1250, None, "d") == ("accepted", "b")
    assert store.get("job-0") is None
    assert submit(store, "one more", most=1250)[0] == "too many"  # what has no record yet counts
    promoted, wait = [], 0
    while wait == 0:  # what workers do anyway, at once
        wait, ids, _ = store.promote(100)
        promoted += ids
    for _ in range(15):
        clock.forward(0.5)
        promoted += store.promote(100)[1]
    assert sorted(promoted) == sorted(f"job-{n}" for n in range(1250))
    assert store.accept("b", 1250, 1250, None, "d") == ("accepted", "b")  # the answer was lost on its way
    assert not store.redis.keys(PREFIX + "bulk*")


def test_what_is_not_all_there_is_not_accepted(store):
    store.stage("b", [json.dumps(("job-1", MESSAGE, {"kind": "demo", "queue": "", "due": 0}))])
    assert store.redis.ttl(PREFIX + "bulk:b") in range(1, 61)
    assert store.accept("b", 2, 1000, None, "d") == ("gone", "b")
    store.unstage("b")
    assert not store.redis.keys(PREFIX + "*bulk*")


def test_ten_thousand_are_taken_in_one_request_while_a_worker_runs_them(make_dynos, redis):
    """All of what one request may hold, while the worker works on them already."""
    dynos = make_dynos(redis.url, WORKER_CONCURRENCY="2")
    dynos.web()
    dynos.worker()
    body = lines(*[job(str(n), delay=None if n % 2 else 86400) for n in range(10_000)]).encode()
    request = urllib.request.Request(dynos.base + "/api/jobs/bulk", body, HEADERS | {
        "Authorization": "Bearer test-token"})
    answer = json.load(urllib.request.urlopen(request, timeout=30))  # the router's
    assert len(set(answer["ids"])) == 10_000
    counts = dynos.store.counts
    wait_for(lambda: counts()["succeeded"] >= 300, 60, "some to run")
    assert counts()["failed"] == counts()["cancelled"] == 0
    assert sum(counts().values()) == 10_000
    assert counts()["scheduled"] >= 5000
