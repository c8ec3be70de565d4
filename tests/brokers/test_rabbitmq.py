"""What RabbitMQ is asked for, and gives."""

import os
import socket
import time

import amqp
import celery
import pytest

from tests.brokers import rabbitmq
from tests.dynos import freeze, thaw, wait_for

pytestmark = [
    pytest.mark.brokers,
    pytest.mark.skipif(bool(rabbitmq.missing()) and not os.environ.get("EVERY_BROKER"),
                       reason=f"RabbitMQ is not here: {rabbitmq.missing()}")]


@pytest.fixture
def options():
    return ""


@pytest.fixture
def broker(tmp_path, options):
    (tmp_path / "broker").mkdir()
    broker = rabbitmq.RabbitMQ(tmp_path / "broker", options)
    yield broker
    broker.end()


@pytest.fixture
def app(redis, broker, make_dynos):
    return make_dynos(redis.url, BROKER_URL=broker.url)


def test_queues_are_of_quorum_and_no_worker_holds_what_another_could_start(app, broker):
    worker = app.worker(WORKER_CONCURRENCY="1")
    app.work("long", 6)
    wait_for(lambda: app.lines("start long"))
    ids = [app.work(f"short-{n}") for n in range(3)]
    app.worker(WORKER_CONCURRENCY="1")
    for id in ids:
        assert app.wait(id, seconds=5)["state"] == "succeeded"
    assert app.lines("done long") == []
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        assert channel.queue_declare("default", passive=True).message_count == 0
        with pytest.raises(amqp.PreconditionFailed, match="x-queue-type"):
            channel.queue_declare("default", durable=True, auto_delete=False, arguments={"x-queue-type": "classic"})
        with pytest.raises(amqp.NotFound):  # Celery's own, of which it makes 28
            connection.channel().queue_declare("celery_delayed_0", passive=True)
    assert "WARNING" not in worker.text()


def test_a_program_that_has_only_celery_says_that_the_queue_is_of_quorum(app, broker):
    app.worker()
    with celery.Celery("plain", broker=broker.url, set_as_current=False) as plain:
        plain.conf.update(task_default_queue="default", task_default_queue_type="quorum")
        plain.send_task("tests.ledger.work", (str(app.ledger), "plain"), task_id="plain-1")
    wait_for(lambda: app.lines("done"))
    assert app.wait("plain-1")["state"] == "succeeded"


def test_a_broker_that_is_silent_keeps_nobody_waiting_and_loses_nothing(app, broker, caplog):
    app.work("before")
    freeze(broker.process.pid)
    began = time.monotonic()
    app.work("silent")
    assert time.monotonic() - began < 8
    assert "no worker could be told" in caplog.text  # it counts only once RabbitMQ has confirmed it
    thaw(broker.process.pid)
    app.worker()
    wait_for(lambda: sorted(app.lines("done")) == ["done before", "done silent"])


def test_a_connection_that_was_cut_while_idle_is_noticed_by_nobody(app, caplog):
    app.work("first")
    with app.celery.producer_or_acquire() as producer:
        producer.connection.connection.transport.sock.shutdown(socket.SHUT_RDWR)
    app.work("second")
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    app.worker()
    wait_for(lambda: sorted(app.lines("done")) == ["done first", "done second"])


@pytest.mark.parametrize("options", ["-rabbit consumer_timeout 1000 channel_tick_interval 1000"])
def test_a_job_may_take_longer_than_the_broker_lets_a_consumer_think(app, broker):
    """Half an hour by default: then it closes the channel, and hands the message out again."""
    worker = app.worker()
    id = app.work("long", 8)
    assert app.wait(id)["state"] == "succeeded"
    assert app.wait(app.work("next"))["state"] == "succeeded"
    assert app.lines() == ["start long", "done long", "start next", "done next"]
    assert "delivery acknowledgement" in worker.text()
