"""What ActiveMQ is asked for, over TLS: with a certificate that is checked."""

import os
from contextlib import suppress

import pytest
import trustme
from kombu import Connection
from kombu.exceptions import OperationalError

from app.brokers import BROKERS  # noqa: F401 - names the transport
from tests.brokers import activemq
from tests.dynos import wait_for
from tests.tls_proxy import TlsProxy


@pytest.fixture
def door(tmp_path):
    if activemq.missing() and not os.environ.get("EVERY_BROKER"):
        pytest.skip(f"ActiveMQ is not here: {activemq.missing()}")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    broker = activemq.ActiveMQ(tmp_path)
    with TlsProxy(broker.port, tmp_path / "server.pem") as proxy:
        yield proxy
    broker.end()


def next_of(queue):
    """It comes by itself; the transport waits for less than it is asked to."""
    def look():
        with suppress(queue.Empty):
            return queue.get(timeout=1)

    return wait_for(look)


def test_a_message_goes_through_and_back_by_tls_and_a_stranger_is_not_talked_to(door, tmp_path, monkeypatch):
    url = f"activemqs://127.0.0.1:{door.port}"
    with Connection(url) as connection, pytest.raises(OperationalError, match="ActiveMQ cannot be reached"):
        connection.channel()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with Connection(url) as connection, connection.SimpleQueue("default") as queue:
        queue.put({"hello": "world"})
        message = next_of(queue)
        assert message.payload == {"hello": "world"}
        message.requeue()
        next_of(queue).ack()
        with pytest.raises(queue.Empty):
            queue.get(timeout=1)
