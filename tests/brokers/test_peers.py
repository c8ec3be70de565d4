"""Other programs as docs/peers.md tells them, on RabbitMQ; tests/live has Redis."""

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest

from tests import peers
from tests.brokers import rabbitmq
from tests.dynos import wait_for

pika = pytest.importorskip("pika")
pytestmark = [
    pytest.mark.brokers,
    pytest.mark.skipif(bool(rabbitmq.missing()) and not os.environ.get("EVERY_BROKER"),
                       reason=f"RabbitMQ is not here: {rabbitmq.missing()}")]
needs_email = pytest.mark.skipif(not find_spec("app.jobs.email"), reason="the page's examples send an email")


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    broker = rabbitmq.RabbitMQ(tmp_path / "broker")
    yield broker
    broker.end()


@pytest.fixture
def app(redis, broker, make_dynos):
    return make_dynos(redis.url, BROKER_URL=broker.url, QUEUES="mail")


@pytest.fixture
def channel(broker):
    with pika.BlockingConnection(pika.URLParameters(f"amqp://guest:guest@127.0.0.1:{broker.port}/%2F")) as found:
        yield found.channel()


def publish(channel, headers, body, queue="default", **properties):
    properties = {"content_type": "application/json", "content_encoding": "utf-8", **properties}
    channel.basic_publish("", queue, body if isinstance(body, (str, bytes)) else json.dumps(body),
                          pika.BasicProperties(headers=headers, delivery_mode=2, **properties))


def recorded(app, id, *states):
    wait_for(lambda: app.store.get(id), what="a record")
    return app.wait(id, *states)


def held(channel) -> int:
    return channel.queue_declare("default", passive=True).method.message_count


@needs_email
def test_the_examples(app, broker, tmp_path):
    app.worker()
    url = f"amqp://guest:guest@127.0.0.1:{broker.port}/%2F"
    (id,) = peers.run(tmp_path, "publish.py", url)
    job = recorded(app, id)
    assert (job["state"], job["kind"], job["request_id"]) == ("succeeded", "email", None)
    assert job["params"]["to"] == "ada@example.com"
    now, later, first, last = peers.run(tmp_path, "send.py", url)
    assert [recorded(app, id)["state"] for id in (now, first, last)] == ["succeeded"] * 3
    assert recorded(app, later, "scheduled")["kind"] == "email"
    for program in ("in_django.py", "in_flask.py"):
        (id,) = peers.run(tmp_path, program, url)
        assert recorded(app, id)["state"] == "succeeded"


def test_one_that_is_due_later_is_held_by_no_worker(app, channel):
    worker, id, params = app.worker(), str(uuid.uuid4()), {"label": "later", "seconds": 0}
    at = datetime.now(UTC) + timedelta(seconds=8)
    publish(channel, {"task": "sample", "id": id, "eta": at.isoformat()}, [[], {"params": params}, {}])
    assert recorded(app, id, "scheduled")["params"] == params
    worker.end()
    assert held(channel) == 0  # else what it had not acknowledged were back
    app.worker()
    job = app.wait(id)
    assert job["state"] == "succeeded"
    assert job["started_at"] >= job["due_at"]


def test_queue_and_priority_are_in_its_record(app, channel):
    app.worker()
    body = [[], {"params": {"label": "mail", "seconds": 0}}, {}]
    publish(channel, {"task": "sample", "id": "routed"}, body, queue="mail", priority=9)
    later = {"task": "sample", "id": "routed-later", "eta": "2030-01-01T00:00:00Z"}
    publish(channel, later, body, queue="mail", priority=9)
    for id, state in (("routed", "succeeded"), ("routed-later", "scheduled")):
        job = recorded(app, id, state)
        assert (job["queue"], job["priority"]) == ("mail", 9)


def test_what_is_no_call_of_a_task_is_thrown_away(app, channel):
    worker = app.worker()
    call, ours = [[], {"params": {"label": "a"}}, {}], {"task": "sample", "id": "a"}
    wrong = [(None, call, {}), ({}, call, {}), ({"task": "sample"}, call, {}), ({"id": "a"}, call, {}),
             ({"task": 5, "id": "a"}, call, {}), ({"task": {"a": 1}, "id": "a"}, call, {}),
             ({"task": "no.such.kind"}, call, {}), (ours, "no JSON", {}), (ours, b"\xff\x00", {}), (ours, "", {}),
             (ours, {}, {}), (ours, "5", {}), (ours | {"eta": 5}, call, {}),
             (ours, call, {"content_type": "application/x-python-serialize"}),
             (ours, b"\x80\x04K\x05.", {"content_type": "application/x-python-serialize",
                                         "content_encoding": "binary"}),
             (ours, call, {"content_type": None})]
    for headers, body, properties in wrong:
        publish(channel, headers, body, **properties)
    assert app.wait(app.work("next"))["state"] == "succeeded"
    wait_for(lambda: worker.text().count("thrown away") == len(wrong), what=worker.text())
    assert held(channel) == 0
    assert worker.text().count("ready.") == 1  # not started again
    assert sum(app.store.counts().values()) == 1


def test_wrong_params_and_an_unknown_kind_are_told_on_the_page(app, channel):
    app.worker()
    publish(channel, {"task": "sample", "id": "wrong"}, [[], {"params": {"seconds": 1}}, {}])
    publish(channel, {"task": "no.such.kind", "id": "unknown"}, [[], {"params": {"a": 1}}, {}])
    job = recorded(app, "wrong")
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "WrongParams")
    assert recorded(app, "unknown", "scheduled")["params"] == {"a": 1}
