"""What is noted in Redis of the messages that a worker has taken: nothing of a job with a record, by which it is found;
of all others what kombu notes."""

import json

import pytest
from kombu import Connection, Queue

import app.brokers  # noqa: F401 - its redis:// is ours
from app.job import wake
from app.store import PREFIX
from app.transports import RECORDED
from tests.dynos import wait_for

QUEUE = Queue("default", routing_key="default")
NOTES = "unacked", "unacked_index"


@pytest.fixture
def broker(redis):
    with Connection(redis.url) as connection:
        yield connection


def put(broker, *bodies, headers):
    with broker.Producer() as producer:
        for body in bodies:
            producer.publish(body, exchange="", routing_key="default", headers=headers)


def take(channel):
    return QUEUE(channel).get()


def waiting(broker):
    """Bodies of the messages that wait, the next one first."""
    found, channel = [], broker.channel()
    while message := take(channel):
        found.append(message.payload)
        message.ack()
    return found


@pytest.mark.parametrize("recorded", [True, False])
def test_a_message_is_noted_in_redis_unless_its_job_has_a_record(broker, recorded):
    put(broker, "a", headers={RECORDED: True} if recorded else {})
    channel = broker.channel()
    message = take(channel)
    assert channel.client.exists(*NOTES) == (0 if recorded else 2)
    message.ack()
    assert channel.client.exists(*NOTES) == 0
    channel.close()
    assert waiting(broker) == []


@pytest.mark.parametrize("recorded", [True, False])
def test_a_worker_that_stops_gives_back_what_it_has_not_acknowledged(broker, recorded):
    put(broker, *"abcd", headers={RECORDED: True} if recorded else {})
    channel = broker.channel()
    first, rejected, _ = take(channel), take(channel), take(channel)
    first.ack()
    rejected.reject()
    channel.close()
    assert waiting(broker) == ["c", "d"]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_message_that_is_requeued_comes_once_more_and_says_so(broker, recorded):
    put(broker, "a", headers={RECORDED: True} if recorded else {})
    channel = broker.channel()
    take(channel).requeue()
    again = take(channel)
    assert again.delivery_info["redelivered"]
    assert take(channel) is None
    again.ack()
    channel.close()
    assert waiting(broker) == []


def test_of_jobs_that_are_published_together_one_that_cannot_be_keeps_back_no_other(dynos, caplog):
    ids = [dynos.work(name, countdown=60) for name in "abc"]
    dynos.work("first")  # opens the connection that is cut below
    dynos.store.redis.set(f"{PREFIX}message:{ids[1]}", "no JSON")
    dynos.store.act("run_now", ids)
    assert sorted(dynos.store.promote(100)[1]) == sorted(ids)
    dynos.store.redis.client_kill_filter(_type="normal", skipme=True)
    wake(dynos.celery, ids)
    assert dynos.store.redis.llen("default") == 3
    (line,) = (line for line in caplog.records if line.levelname == "ERROR")
    assert (line.message, line.fields["job"]) == ("cannot be published", ids[1])


@pytest.mark.parametrize("priority", [None, 5])
def test_the_message_that_is_pushed_with_a_record_is_the_one_that_kombu_sends(dynos, priority):
    for kept_messages in (None, dynos.celery.kept_messages):
        dynos.celery.kept_messages = kept_messages
        dynos.task("work").apply_async(("a", "b"), priority=priority, headers={"x": 1}, link=dynos.task("work").s("c"))
    (name,) = dynos.store.redis.keys("default*")
    ours, kombus = map(json.loads, dynos.store.redis.lrange(name, 0, -1))
    ids = {"id", "root_id", "delivery_tag", "correlation_id", "body"}
    assert flat(ours, ids) == flat(kombus, ids)
    assert RECORDED in flat(ours, ids)


def flat(fields, without):
    found = {}
    for name, value in fields.items():
        if name not in without:
            found |= flat(value, without) if isinstance(value, dict) else {name: value}
    return found


def test_who_makes_a_job_has_no_other_connection_than_that_to_the_job_store(dynos):
    def connections():
        return len(dynos.store.redis.client_list())

    before = connections()
    dynos.work("a")
    assert dynos.store.redis.llen("default") == 1
    assert connections() == before


def test_a_worker_that_stops_puts_a_running_job_back_on_the_broker_itself(dynos):
    worker = dynos.worker(SHUTDOWN_SECONDS="1")
    id = dynos.work("long", 30)
    wait_for(lambda: dynos.lines("start"))
    assert dynos.store.redis.exists(*NOTES) == 0
    worker.signal_all(15)
    assert worker.wait() == 0
    assert dynos.job(id)["state"] == "queued"
    assert dynos.store.redis.llen("default") == 1
