"""What Azure Storage Queues is asked for, and gives."""


import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from app.brokers import AZURE_QUEUES
from tests.brokers import azurite
from tests.dynos import freeze, thaw, wait_for

# Whatever EVERY_BROKER says: not everywhere that there are Debian's brokers is there npm.
pytestmark = [
    pytest.mark.brokers,
    pytest.mark.skipif(bool(azurite.missing()),
                       reason=f"Azure Storage Queues is not here: {azurite.missing()}")]


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    broker = azurite.Azurite(tmp_path / "broker")
    yield broker
    broker.end()


@pytest.fixture
def connect(broker):
    def connect():
        made.append(Connection(broker.url, transport=AZURE_QUEUES.transport))
        return made[-1]

    made = []
    yield connect
    for connection in made:
        connection.release()


@pytest.fixture
def client(connect):
    """Azure's own, of the queue `default`."""
    return connect().channel().queue_service.get_queue_client("default")


def held(client):
    return client.get_queue_properties().approximate_message_count


def test_a_message_is_there_until_it_is_acknowledged_or_refused_and_again_when_it_is_given_back(connect, client):
    with connect() as connection, connection.SimpleQueue("default") as queue:
        for word in ("given back", "refused"):
            queue.put(word)
        queue.get(timeout=5).requeue()
        refused = queue.get(timeout=5)
        assert (refused.payload, held(client)) == ("refused", 2)
        refused.reject()
        assert held(client) == 1
        message = queue.get(timeout=5)
        assert message.payload == "given back"
        message.ack()
        assert held(client) == 0
        with pytest.raises(queue.Empty):
            queue.get(timeout=2)


def test_what_a_consumer_has_not_acknowledged_another_has_when_it_leaves(connect):
    with connect() as one, one.SimpleQueue("default") as queue:
        queue.put("first")
        first = queue.get(timeout=5)
    with connect() as two, two.SimpleQueue("default") as queue:
        assert queue.get(timeout=5).payload == "first"
    first.ack()  # it is no longer the first one's to say
    with connect() as three, three.SimpleQueue("default") as queue:
        assert queue.get(timeout=5).payload == "first"


def test_queues_whose_names_azure_does_not_take_are_queues_of_their_own(connect):
    names = ["q", "Mail", "mail", "a.b", "a-b", "a_b", "-", "x" * 80, "x" * 79, "--a--"]
    with connect() as connection:
        queues = [connection.SimpleQueue(name) for name in names]
        for name, queue in zip(names, queues):
            queue.put(name)
        assert [queue.get(timeout=5).payload for queue in queues] == names
        called = [queue["name"] for queue in connection.channel().queue_service.list_queues()]
    assert {"mail", "a-b"} < set(called)
    assert len(called) == len(names)


def test_what_is_no_message_is_thrown_away(redis, broker, make_dynos, client):
    app = make_dynos(redis.url, BROKER_URL=broker.url)
    app.work("first")
    for text in ("no JSON", "5", "{}", "<&>"):
        client.send_message(text)
    worker = app.worker()
    wait_for(lambda: held(client) == 0)
    assert app.lines("done first")
    assert worker.text().count("thrown away") == 4
    assert "azure.core" not in worker.text()  # which says each request


def test_a_job_is_accepted_though_somebody_deleted_the_queue(redis, broker, make_dynos, client):
    app = make_dynos(redis.url, BROKER_URL=broker.url)
    ids = [app.work("before")]
    client.delete_queue()
    ids.append(app.work("after"))
    app.worker()
    assert [app.wait(id)["state"] for id in ids] == ["succeeded", "succeeded"]


def test_a_server_that_is_silent_or_refuses_the_key_says_so_in_time_without_the_key(broker, connect):
    wrong = broker.url.replace("Eby8", "AAAA")
    with Connection(wrong, transport=AZURE_QUEUES.transport) as connection:
        with pytest.raises(OperationalError) as refused:
            connection.ensure_connection(timeout=1)
        assert "AAAA" not in str(refused.value)
    freeze(broker.process.pid)
    with connect() as connection, pytest.raises(OperationalError) as silent:
        connection.ensure_connection(timeout=1)
    assert "Eby8" not in str(silent.value)
    thaw(broker.process.pid)
