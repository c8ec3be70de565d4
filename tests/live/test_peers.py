"""Other programs as docs/peers.md tells them, on Redis; tests/brokers has RabbitMQ."""

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import uuid
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest

from app.config import Settings
from app.store import PREFIX
from app.web import create_app
from tests import peers
from tests.dynos import ROOT, Server, wait_for

needs_email = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the page's examples send an email")


@pytest.fixture
def push(dynos):
    def push(task="sample", body=None, **more):
        """What docs/peers.md says, and more headers. Returns its id."""
        id, properties = more.pop("id", str(uuid.uuid4())), more.pop("properties", {})
        raw(json.dumps({
            "headers": {"task": task, "id": id, "ignore_result": True, **more},
            "content-type": "application/json", "content-encoding": "utf-8",
            "body": body if isinstance(body, str) else json.dumps(body or [[], {"params": {"label": "a"}}, {}]),
            "properties": {"delivery_tag": str(uuid.uuid4()),
                           "delivery_info": {"exchange": "", "routing_key": "default"}, **properties}}))
        return id

    def raw(text):
        dynos.store.redis.lpush("default", text)

    push.raw = raw
    return push


def recorded(dynos, id, *states):
    wait_for(lambda: dynos.store.get(id), what="a record")
    return dynos.wait(id, *states)


def rows(dynos):
    return dynos.store.redis.llen("default") + dynos.store.redis.hlen("unacked")


@needs_email
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_call_of_the_readme(dynos):
    dynos.web()
    (call,) = re.findall(r"^\$ (curl \$URL/api/jobs -H.*?'$)", (ROOT / "README.md").read_text(), re.S | re.M)
    answer = subprocess.run(["sh", "-c", call], env=dynos.env | {"URL": dynos.base}, capture_output=True, text=True)
    job = json.loads(answer.stdout)
    assert (job["kind"], job["state"]) == ("email", "scheduled")


@needs_email
def test_a_program_that_has_only_celery(dynos, tmp_path):
    dynos.worker()
    now, later, first, last = peers.run(tmp_path, "send.py", dynos.env["REDIS_URL"])
    for id in (now, first, last):
        job = recorded(dynos, id)
        assert (job["state"], job["kind"], job["request_id"]) == ("succeeded", "email", None)
        assert job["params"]["subject"] == "Hello"
    job = recorded(dynos, later, "scheduled")
    due = datetime.fromisoformat(job["due_at"]) - datetime.now(UTC)
    assert timedelta(seconds=3500) < due <= timedelta(seconds=3600)
    wait_for(lambda: rows(dynos) == 0, what="no message to be held")
    assert dynos.job(last)["created_at"] >= dynos.job(first)["finished_at"][:20]


@needs_email
@pytest.mark.parametrize("program, needs", [("in_django.py", "django"), ("in_flask.py", "flask"),
                                            ("push.py", "redis")])
def test_a_view_of_another_app_and_a_program_that_has_only_redis(dynos, tmp_path, program, needs):
    pytest.importorskip(needs)
    dynos.worker()
    (id,) = peers.run(tmp_path, program, dynos.env["REDIS_URL"])
    job = recorded(dynos, id)
    assert (job["state"], job["kind"], job["request_id"], job["attempt"]) == ("succeeded", "email", None, 1)


@pytest.fixture
def page(dynos):
    app = create_app(Settings.from_env(dynos.env))
    client = app.test_client()
    client.post("/sign-in", data={"token": "test-token"})
    yield client
    app.extensions["store"].redis.close()


def test_it_is_on_the_page_as_any_other(dynos, push, page):
    dynos.worker()
    id = push(body=[[], {"params": {"label": "<b>from a peer", "seconds": 0}}, {}])
    assert recorded(dynos, id)["state"] == "succeeded"
    answer = page.get(f"/api/jobs/{id}", headers={"Authorization": "Bearer test-token"}).json
    assert (answer["kind"], answer["params"]["label"]) == ("sample", "<b>from a peer")
    assert "&lt;b&gt;from a peer" in page.get(f"/jobs/{id}").text


def test_whatever_a_call_has_in_it_the_page_can_show(dynos, push, page):
    worker = dynos.worker()
    deep = json.loads("[" * 50 + "]" * 50)
    ids = [push("<b>" * 80, [[1, None], {"params": "x"}, {}]), push(body=[[], {"params": deep}, {}]),
           push(body=[[deep], {}, {}]), push(id="<b>/../%2F?a=1&b", body=[[{"label": "\ud800"}], {}, {}])]
    for id in ids:
        recorded(dynos, id, "failed", "scheduled", "succeeded")
        path = f"/jobs/{urllib.parse.quote(id, safe='')}"
        assert page.get(path).status_code == (404 if "/" in id else 200)
        assert page.get("/", query_string={"q": id}).status_code == 200
    assert worker.text().count("ready.") == 1


def test_one_that_has_begun_when_the_worker_stops_is_given_back(dynos, push):
    worker = dynos.worker(SHUTDOWN_SECONDS="1")
    id = push("tests.ledger.work", [[str(dynos.ledger), "long", 4], {}, {}])
    wait_for(lambda: dynos.lines("start long"))
    worker.signal_all(signal.SIGTERM)
    assert worker.wait() == 0
    dynos.worker()
    job = dynos.wait(id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert dynos.lines() == ["start long", "start long", "done long"]


def test_with_the_job_store_away_one_that_is_due_later_is_not_lost(dynos, push, make_dynos):
    store = Server()
    try:
        app = make_dynos(store.url, BROKER_URL=dynos.env["REDIS_URL"])
        app.worker()
        store.freeze()
        id = push(eta=(datetime.now(UTC) + timedelta(seconds=4)).isoformat())
        wait_for(lambda: dynos.store.redis.llen("default") == 0)
        time.sleep(2)
        store.thaw()
        assert recorded(app, id)["state"] == "succeeded"
    finally:
        app.end()
        store.stop()


def test_one_that_is_due_later_is_in_the_schedule_and_survives_the_worker(dynos, push):
    worker = dynos.worker()
    at = datetime.now(UTC) + timedelta(seconds=6)
    id = push(eta=at.isoformat(), body=[[], {"params": {"label": "later", "seconds": 0}}, {}])
    job = recorded(dynos, id, "scheduled")
    assert abs(datetime.fromisoformat(job["due_at"]) - at) < timedelta(milliseconds=2)
    wait_for(lambda: rows(dynos) == 0)
    worker.end()
    dynos.worker()
    job = dynos.wait(id)
    assert (job["state"], job["max_attempts"]) == ("succeeded", 3)
    assert job["started_at"] >= job["due_at"]


def test_one_that_was_due_runs_once_however_often_it_is_sent(dynos, push):
    dynos.worker()
    body = [[str(dynos.ledger), "once"], {}, {}]
    id = push("tests.ledger.work", body, eta="2020-01-01T00:00:00Z")
    assert recorded(dynos, id)["state"] == "succeeded"
    push("tests.ledger.work", body, id=id, eta="2020-01-01T00:00:00Z")
    push("tests.ledger.work", body, id=id)
    assert dynos.wait(dynos.work("after"))["state"] == "succeeded"
    assert dynos.lines("start once") == ["start once"]


@pytest.mark.parametrize("body, error, message", [
    ([[], {"params": {"seconds": "hunter2"}}, {}], "WrongParams", "params.seconds: "),
    ([[], {"params": {}}, {}], "WrongParams", "params.label: Field required"),
    ([[], {"params": "hunter2"}, {}], "WrongParams", "params: "),
    ([[], {}, {}], "TypeError", "missing a required argument: 'params'"),
    ([[1, 2, 3], {"label": "x"}, {}], "TypeError", "argument"),
])
def test_wrong_params_fail_the_job_at_once_and_say_which(dynos, push, body, error, message):
    worker = dynos.worker()
    job = recorded(dynos, push(body=body))  # a kind that is tried again after any ValueError
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, error)
    assert message in job["error"]["message"]
    assert "hunter2" not in job["error"]["message"] + worker.text()
    assert dynos.wait(dynos.work("next"))["state"] == "succeeded"


def test_a_kind_that_nobody_knows_is_on_the_page_and_fails_in_the_end(dynos, push):
    dynos.worker()
    id = push("no.such.kind", [[], {"params": {"a": 1}}, {}])
    job = recorded(dynos, id, "scheduled")
    assert (job["kind"], job["params"]) == ("no.such.kind", {"a": 1})
    dynos.store.redis.hset(f"{PREFIX}job:{id}", "strange", 19)
    dynos.store.act("run_now", [id], by="test")
    job = dynos.wait(id)
    assert (job["state"], job["error"]["type"]) == ("failed", "NotRegistered")


def test_one_that_says_that_it_has_a_record_and_has_none_is_taken_for_deleted(dynos, push):
    dynos.worker()
    ids = [push(recorded=True), push("no.such.kind", recorded=True)]
    assert dynos.wait(dynos.work("next"))["state"] == "succeeded"
    wait_for(lambda: rows(dynos) == 0)
    assert [dynos.store.get(id) for id in ids] == [None, None]


PICKLE = {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
ROUTE = {"exchange": "", "routing_key": "default"}


@pytest.mark.parametrize("texts", [
    ["", "no JSON", "5", "[]", "{}", '{"properties": {}}', '"\\ud800"', b"\xff\x00"],
    [json.dumps({"headers": {}, "body": "x", "properties": {"delivery_tag": 5, "delivery_info": {}}}),
     json.dumps({"headers": {}, "body": 5, "properties": {"delivery_tag": "a", "delivery_info": ROUTE}}),
     json.dumps({"headers": {}, "body": "%", "properties": {
         "body_encoding": "base64", "delivery_tag": "a", "delivery_info": ROUTE}})],
    [json.dumps({"headers": {"task": "sample", "id": "a"}, "body": "gASVBQAAAAAAAABLBS4=", **PICKLE, "properties": {
         "body_encoding": "base64", "delivery_tag": "a", "delivery_info": ROUTE}})],
])
def test_what_is_no_message_is_thrown_away_and_no_worker_falls_over_it(dynos, push, texts):
    worker = dynos.worker()
    for text in texts:
        push.raw(text)
    unharmed(dynos, worker, len(texts))


def test_a_body_that_is_no_call_is_thrown_away(dynos, push):
    worker = dynos.worker()
    bodies = ["no JSON", "{}", "5", "null", "[]", "[1, 2, 3]", '[[], {}, {"chain": 5}]', "[[], {}, 5]", "[[], [], {}]",
              "[5, {}, {}]", '[[], {}, {"callbacks": [5]}]', '{"args": [], "kwargs": {}}', '[[], {}, {"id": "b"}]',
              "[" * 100_000, f'[[{"[" * 100 + "]" * 100}], {{}}, {{}}]']
    for body in bodies:
        push(body=body)
    unharmed(dynos, worker, len(bodies))


@pytest.mark.parametrize("eta", [{}, {"eta": "2030-01-01T00:00:00Z"}])
def test_headers_that_are_wrong_or_missing_are_thrown_away(dynos, push, eta):
    worker = dynos.worker()
    wrong = [{"id": 5}, {"id": {}}, {"id": None}, {"id": "x" * 300}, {"task": ["x"]}, {"task": None}, {"task": ""},
             {"eta": 5}, {"eta": "soon"}, {"eta": ""}, {"eta": "9999-12-31T23:59:59-23:00"}, {"expires": []},
             {"expires": "0001-01-01T00:00:00+23:00"}, {"timelimit": "soon"}, {"retries": "x"}, {"stamps": 1},
             {"group": 1}]
    for headers in wrong:
        push(**eta | headers)
    unharmed(dynos, worker, len(wrong))


@pytest.mark.parametrize("eta", [{}, {"eta": "2030-01-01T00:00:00Z"}])
def test_a_priority_that_is_none_is_thrown_away(dynos, push, eta):
    """Its record would have it, and neither the page nor the API could show that."""
    worker = dynos.worker()
    wrong = [2.5, -1, 256, 1e30, "9", True, [1]]
    for priority in wrong:
        push(**eta, properties={"priority": priority})
    unharmed(dynos, worker, len(wrong))
    assert recorded(dynos, push(properties={"priority": 9}))["priority"] == 9


def unharmed(dynos, worker, thrown):
    assert dynos.wait(dynos.work("next"))["state"] == "succeeded"
    wait_for(lambda: rows(dynos) == 0)
    assert sum(dynos.store.counts().values()) == 1
    assert worker.text().count("thrown away") == thrown
    assert worker.text().count("ready.") == 1  # not started again
    assert "Traceback" not in worker.text()


def test_the_protocol_before_is_understood(dynos, push):
    dynos.worker()
    for id, more in (("v1", {}), ("v1-later", {"eta": (datetime.now(UTC) + timedelta(hours=1)).isoformat()})):
        body = {"task": "sample", "id": id, "args": [], "kwargs": {"params": {"label": "a", "seconds": 0}}, **more}
        push.raw(json.dumps({"headers": {}, "content-type": "application/json", "content-encoding": "utf-8",
                             "body": json.dumps(body), "properties": {
                                 "delivery_tag": id, "delivery_info": {"exchange": "", "routing_key": "default"}}}))
    assert recorded(dynos, "v1")["state"] == "succeeded"
    assert recorded(dynos, "v1-later", "scheduled")["params"] == {"label": "a", "seconds": 0}
