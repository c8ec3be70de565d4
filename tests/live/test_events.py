"""Events: each change of a job's state, streamed, read by consumer groups, and what starts because of one."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from app import events
from app.config import Settings
from app.events import EVENTS, Ended, on, subscribe
from app.store import PREFIX
from app.web import create_app
from app.web import events as streams
from tests.dynos import ROOT, wait_for
from tests.stores import Clock, fail, start, state, submit

HEADERS = {"Authorization": "Bearer t"}


@pytest.fixture
def app(redis):
    return create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                         "READ_TOKEN": "r"}))


@pytest.fixture
def jobs(app):
    """The store of the app."""
    return app.extensions["store"]


def stream(app, path="/api/events?seconds=0", last=None, token="t"):
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
    answer = app.test_client().get(path, headers=headers)
    answer.close()
    return answer if answer.status_code != 200 else list(parsed(answer.text))


def parsed(text):
    """As a browser takes them: (id, event, data) of what it would dispatch."""
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])


def run(store, id, **options):
    submit(store, id, **options)
    store.settle(id, start(store, id).token, "w1", "succeeded")


def test_each_change_of_a_state_is_an_event(app, jobs):
    submit(jobs, "a", delay=0.001)
    wait_for(lambda: jobs.promote(10)[1])
    jobs.try_again("a", start(jobs, "a").token, "{}", delay=60, error={"type": "E", "message": ""})
    jobs.cancel("a")
    told = [data for _, _, data in stream(app, last="0-0")]
    assert [(event["state"], event["attempt"]) for event in told] == [
        ("scheduled", 0), ("queued", 0), ("running", 1), ("scheduled", 1), ("cancelled", 1)]
    assert {event["id"] for event in told} == {"a"} and {event["kind"] for event in told} == {"demo"}


def test_what_is_no_change_is_no_event(app, jobs):
    run(jobs, "a")
    before = stream(app, last="0-0")
    jobs.cancel("a"), jobs.renew("w1", 10, ["a"]), jobs.checkpoint("a", "1"), jobs.promote(10)
    assert stream(app, last="0-0") == before
    for id in "bc":
        submit(jobs, id, lane="x")
    jobs.cancel("b")
    assert jobs.promote(10)[1] == ["c"]  # it was queued before, if not yet to be started
    assert [data["state"] for _, _, data in stream(app, last="0-0") if data["id"] == "c"] == ["queued"]


def test_it_goes_on_after_the_last_event_that_came(app, jobs):
    run(jobs, "a")
    first, second, third = stream(app, last="0-0")
    assert stream(app, last=first[0]) == [second, third]
    assert stream(app) == []  # who has seen none begins now


def test_only_some_are_told_on_request(app, jobs):
    run(jobs, "a")
    fail(jobs, "b")
    path = "/api/events?seconds=0&state=failed&kind="
    assert [data["id"] for _, _, data in stream(app, path, "0-0")] == ["b"]
    assert stream(app, path + "other", "0-0") == []


@pytest.mark.parametrize("path, last", [("?state=done", None), ("?seconds=-1", None), ("?seconds=9999", None),
                                        ("", "x"), ("", "1-"), ("", "9" * 40 + "-1")])
def test_what_makes_no_sense_is_refused(app, path, last):
    assert stream(app, "/api/events" + path, last).status_code == 422


def test_who_was_away_too_long_is_told_that_some_are_missing(app, jobs, monkeypatch):
    run(jobs, "a")
    first = stream(app, last="0-0")[0][0]
    assert stream(app, last=first)[0][1] != "gap"
    jobs.redis.xtrim(EVENTS, 1, approximate=False)
    told = stream(app, last=first)
    assert told[0][1] == "gap" and told[1][2]["state"] == "succeeded"
    jobs.redis.xtrim(EVENTS, 0, approximate=False)  # or a program has deleted what it read
    assert [event for _, event, _ in stream(app, last=first)] == ["gap"]
    jobs.redis.delete(EVENTS)
    assert [event for _, event, _ in stream(app, last=first)] == ["gap"]
    submit(jobs, "b")
    assert [event for _, event, _ in stream(app, last="9" * 15 + "-0")] == ["gap"]


def test_no_more_are_kept_than_redis_has_room_for(jobs):
    pipe = jobs.redis.pipeline()
    for _ in range(12_000):
        pipe.xadd(EVENTS, {"id": "x", "kind": "sample", "state": "queued", "attempt": 0, "at": 0})
    pipe.execute()
    submit(jobs, "a")
    assert jobs.redis.xlen(EVENTS) < 10_500


def test_readers_may_listen_and_strangers_may_not(app, jobs):
    run(jobs, "a")
    assert len(stream(app, last="0-0", token="r")) == 3
    assert stream(app, token="wrong").status_code == 401


def test_streams_do_not_take_all_threads(app, monkeypatch):
    monkeypatch.setattr(streams, "streams", threading.BoundedSemaphore(1))
    first = app.test_client().open("/api/jobs", headers=HEADERS)  # no stream takes none
    assert first.status_code == 200
    assert stream(app) == stream(app) == []  # each gives back its own
    assert streams.streams.acquire(blocking=False)
    answer = stream(app)
    assert answer.status_code == 503 and answer.headers["Retry-After"]


def test_who_has_hung_up_does_not_keep_others_out(app, monkeypatch):
    monkeypatch.setattr(streams, "QUIET_SECONDS", 0)
    with socket.socketpair()[0] as ours:  # the other end is closed at once
        answer = app.test_client().get("/api/events?seconds=1", headers=HEADERS,
                                       environ_overrides={"gunicorn.socket": ours})
    assert len(answer.text.split("\n\n")) == 2  # how it begins, and nothing more


def test_a_listener_hears_of_a_job_while_it_runs_and_a_stopping_web_process_lets_it_go(dynos):
    web = dynos.web()
    dynos.worker()
    heard = []

    def listen():
        request = urllib.request.Request(dynos.base + "/api/events", headers={"Authorization": "Bearer test-token"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            for line in answer:
                heard.append(line.decode().strip())

    thread = threading.Thread(target=listen)
    thread.start()
    wait_for(lambda: "retry: 2000" in heard)
    dynos.task("sample").apply_async(({"label": "x", "seconds": 0},))
    wait_for(lambda: {"event: queued", "event: running", "event: succeeded"} <= set(heard))
    web.signal_all(signal.SIGTERM)
    assert web.wait(15) == 0  # gunicorn would wait 20 s for the stream
    thread.join(5)
    assert not thread.is_alive()


def test_a_consumer_group_reads_the_same_stream(jobs):
    jobs.redis.xgroup_create(EVENTS, "billing", id="0", mkstream=True)
    run(jobs, "a")
    one = jobs.redis.xreadgroup("billing", "one", {EVENTS: ">"}, count=2)[0][1]
    other = jobs.redis.xreadgroup("billing", "other", {EVENTS: ">"}, count=2)[0][1]
    assert [fields["state"] for _, fields in one + other] == ["queued", "running", "succeeded"]
    assert jobs.redis.xack(EVENTS, "billing", *(id for id, _ in one)) == 2


@pytest.fixture
def follow(redis, tmp_path):
    """Starts the program of docs/calls.md. Returns what it prints, as that comes."""
    (code,) = re.findall(r"```python\n# follow.py\n(.*?)```", (ROOT / "docs" / "calls.md").read_text(), re.S)
    (tmp_path / "follow.py").write_text(code)

    def follow():
        with open(tmp_path / "out", "w") as out:
            running.append(subprocess.Popen([sys.executable, tmp_path / "follow.py"], env={"REDIS_URL": redis.url},
                                            stdout=out, stderr=out))
        return lambda: [line.split()[:4] for line in (tmp_path / "out").read_text().splitlines()]

    running = []
    yield follow
    for program in running:
        program.kill()
        program.wait()


def test_a_program_follows_all_jobs_and_is_given_again_what_it_did_not_acknowledge(jobs, follow):
    jobs.redis.xgroup_create(EVENTS, "billing", id="0", mkstream=True)
    for id in ("gone", "given"):
        submit(jobs, id)
    jobs.redis.xreadgroup("billing", "member-1", {EVENTS: ">"})
    jobs.redis.xtrim(EVENTS, 1, approximate=False)
    told = follow()
    wait_for(told)
    run(jobs, "new")
    states = [["new", "demo", *end] for end in (("queued", "0"), ("running", "1"), ("succeeded", "1"))]
    wait_for(lambda: told() == [["given", "demo", "queued", "0"], *states], what=told())
    wait_for(lambda: jobs.redis.xpending(EVENTS, "billing")["pending"] == 0)


# --- @on ---


def subscribed(app):
    subscribe(app.extensions["celery"])
    return app.extensions["store"]


def started_by(store, id):
    return [record["id"] for record in store.page(None, "applause", 9, None).records if record["id"].startswith(id)]


def test_a_job_of_ones_own_starts_with_the_end_of_another_once_for_each_end(dynos):
    dynos.web()
    dynos.worker()
    id = dynos.task("anything").apply_async(({"value": 1},)).id
    dynos.wait(id)
    [next] = wait_for(lambda: started_by(dynos.store, id))
    assert dynos.wait(next, "succeeded")["result"] == {"job": id, "kind": "anything", "state": "succeeded"}


def test_it_starts_only_for_the_ends_and_kinds_that_it_names(app):
    store = subscribed(app)
    for id, kind in (("good", "anything"), ("bad", "anything"), ("other", "demo")):
        store.submit(id, kind, '{"args":[],"kwargs":{}}', queue="default")
    for id, end in (("good", "succeeded"), ("bad", "failed"), ("other", "succeeded")):
        store.settle(id, start(store, id).token, "w1", end)
    store.submit("never", "anything", '{"args":[],"kwargs":{}}', queue="default")
    store.cancel("never")
    assert [bool(started_by(store, id)) for id in ("good", "bad", "other", "never")] == [True, False, False, True]


def test_each_end_of_a_job_starts_another_of_the_same_request(app):
    store = subscribed(app)
    store.submit("a", "anything", '{"args":[],"kwargs":{}}', queue="default", request_id="r-1")
    for _ in range(2):
        store.cancel("a")
        store.retry("a")
    assert [store.get(id)["request_id"] for id in started_by(store, "a")] == ["r-1", "r-1"]


def test_ids_and_kinds_of_any_letters_get_there(app):
    store = subscribed(app)
    id = 'a"b\\ %1 @kind@ ü'
    store.submit(id, "anything", '{"args":[],"kwargs":{}}', queue="default")
    store.cancel(id)
    [next] = [record for record in store.page(None, "applause", 9, None).records]
    assert json.loads(next["message"])["kwargs"]["params"]["job"] == id
    assert json.loads(next["message"])["args"] == []


def test_what_the_code_no_longer_has_is_forgotten(app, monkeypatch):
    store = subscribed(app)
    monkeypatch.delattr(type(app.extensions["celery"].tasks["applause"]), "starts_on")
    subscribe(app.extensions["celery"])
    store.submit("a", "anything", '{"args":[],"kwargs":{}}', queue="default")
    store.cancel("a")
    assert started_by(store, "a") == [] and state(store, "a") == "cancelled"


def test_a_worker_of_an_older_release_does_not_have_it_forgotten(app, monkeypatch):
    celery = app.extensions["celery"]
    celery.store.clock = clock = Clock()
    for celery.worker in ("older", "newer"):
        celery.store.beat(celery.worker)
        clock.forward(1)
    store = subscribed(app)
    celery.worker = "older"
    with monkeypatch.context() as older:
        older.delattr(type(celery.tasks["applause"]), "starts_on")
        subscribe(celery)
    store.submit("a", "anything", '{"args":[],"kwargs":{}}', queue="default")
    store.cancel("a")
    assert started_by(store, "a")
    store.redis.delete(PREFIX + "on")
    subscribe(celery)
    assert store.redis.hlen(PREFIX + "on")


def test_one_for_any_kind_does_not_hear_of_what_was_started_so(app, monkeypatch):
    monkeypatch.setattr(type(app.extensions["celery"].tasks["applause"]), "starts_on", ["cancelled:*"])
    store = subscribed(app)
    store.submit("a", "anything", '{"args":[],"kwargs":{}}', queue="default")
    store.cancel("a")
    [next] = started_by(store, "a")
    store.cancel(next)
    assert started_by(store, "a") == [next]


@pytest.mark.parametrize("ends", [(), ("running",), ("succeeded", "done")])
def test_a_state_in_which_no_job_ends_is_refused(ends):
    with pytest.raises(ValueError, match="succeeded, failed, cancelled"):
        on(*ends)


def test_the_worker_says_it_again_after_redis_has_forgotten(app):
    assert events.subscribe(app.extensions["celery"]) <= 60 and Ended(job="a", kind="b", state="c")
