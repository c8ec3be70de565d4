"""What Azure Service Bus is asked for. Nothing here shows what it answers: it is a stub of its client."""

import time

import pytest
from celery import Celery
from kombu import pools
from kombu.exceptions import OperationalError

pytest.importorskip("azure.servicebus", reason="pip install -r requirements-brokers.txt")

from app.config import Settings  # noqa: E402
from app.queue import configuration  # noqa: E402
from app.transports import azure_bus  # noqa: E402
from tests.brokers.azure_bus_stub import Namespace  # noqa: E402

KEY = "Eby8vdM02xNOcq/lqUwJPL+mEtlCDXJ1OUzFT50uSRZ6=="


@pytest.fixture
def namespace(monkeypatch):
    namespace = Namespace()
    monkeypatch.setattr(azure_bus.azureservicebus, "ServiceBusClient", namespace)
    monkeypatch.setattr(azure_bus, "ServiceBusAdministrationClient", namespace)
    return namespace


@pytest.fixture
def connect(namespace):
    """As our app is told to, but for the given options."""
    def connect(**options):
        url = f"azureservicebus://Root:{KEY}@ours"
        told = configuration(Settings.from_env({"APP_ENV": "development", "BROKER_URL": url}))
        app = Celery("test", set_as_current=False)
        app.conf.update(told, broker_transport_options=told["broker_transport_options"] | options)
        made.append(app.connection_for_read())
        return made[-1]

    made = []
    yield connect
    for connection in made:
        connection.release()


@pytest.fixture
def queue(connect):
    return connect().SimpleQueue("default")


def test_it_is_signed_in_by_the_key_and_hurried_and_no_line_has_the_key(namespace, connect):
    connection = connect()
    connection.SimpleQueue("default").put("hello")
    text = f"Endpoint=sb://ours.servicebus.windows.net;SharedAccessKeyName=Root;SharedAccessKey={KEY}"
    (asked, hurry), (sent, patience) = namespace.told
    assert asked == sent == text
    assert (hurry["connection_timeout"], hurry["retry_total"], patience["retry_total"]) == (2, 1, 1)
    assert connection.as_uri() == "azureservicebus://Root:**@ours.servicebus.windows.net"


def test_a_message_is_there_until_it_is_acknowledged(namespace, queue):
    queue.put({"hello": "world"})
    message = queue.get(timeout=5)
    assert message.payload == {"hello": "world"}
    assert "azure" not in str(message.properties)  # a job's request has them
    assert len(namespace.queues["default"]) == 1
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)
    message.ack()
    assert namespace.queues["default"] == []


def test_one_that_is_given_back_is_there_at_once_and_one_that_is_refused_is_gone(namespace, queue):
    queue.put("message")
    queue.get(timeout=5).requeue()
    queue.get(timeout=1).reject()
    assert namespace.queues["default"] == []


def test_what_a_consumer_has_not_acknowledged_another_has_when_it_leaves_and_nothing_stays_open(namespace, connect):
    one = connect()
    queue = one.SimpleQueue("default")
    queue.put("message")
    assert queue.get(timeout=5).payload == "message"
    one.release()
    assert namespace.open == 0
    assert connect().SimpleQueue("default").get(timeout=1).payload == "message"


def test_a_lock_is_renewed_for_as_long_as_a_job_takes(namespace, connect):
    queue = connect(peek_lock_seconds=4).SimpleQueue("default")
    queue.put("long")
    message = queue.get(timeout=5)
    time.sleep(5)
    with pytest.raises(queue.Empty):
        connect().SimpleQueue("default").get(timeout=0.1)
    message.ack()
    assert namespace.queues["default"] == []


def test_one_whose_lock_was_lost_is_another_consumers_and_stays_so(namespace, connect, caplog):
    queue = connect(peek_lock_seconds=1, use_lock_renewal=False).SimpleQueue("default")
    queue.put("slow")
    slow = queue.get(timeout=5)
    time.sleep(1)
    taken = connect().SimpleQueue("default").get(timeout=1)
    slow.ack()
    assert "no longer yours" in caplog.text
    assert len(namespace.queues["default"]) == 1
    taken.ack()
    assert namespace.queues["default"] == []


def test_who_publishes_while_it_is_away_is_told_so_and_goes_on_when_it_is_back(namespace, connect):
    queue = connect().SimpleQueue("default")
    producers = pools.ProducerPool(connect().Pool(limit=1), limit=1)
    namespace.away = True
    with producers.acquire() as producer, pytest.raises(OperationalError):
        producer.publish("lost", routing_key="default", retry=True, retry_policy={"max_retries": 1})
    namespace.away = False
    with producers.acquire() as producer:
        producer.publish("told", routing_key="default", retry=True)
    assert queue.get(timeout=1).payload == "told"


def test_nobody_is_connected_while_it_is_away(namespace, connect):
    namespace.away = True
    with pytest.raises(OperationalError):
        connect().ensure_connection(timeout=1)


def test_what_is_acknowledged_when_the_connection_has_gone_does_no_harm(namespace, connect):
    connection = connect()
    queue = connection.SimpleQueue("default")
    queue.put("message")
    message = queue.get(timeout=1)
    connection.release()
    message.ack()
    assert len(namespace.queues["default"]) == 1  # it was given back


def test_an_empty_queue_is_waited_for_no_longer_than_a_worker_may_take_to_stop(queue):
    began = time.monotonic()
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)
    assert time.monotonic() - began < 5
    assert queue.qsize() == 0
