"""What ActiveMQ is asked for, over TLS: with a certificate that is checked."""

import os

import pytest
import trustme
from kombu import Connection
from kombu.exceptions import OperationalError

from app.brokers import BROKERS  # noqa: F401 - names the transport
from tests.brokers import activemq
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


def test_a_message_goes_through_and_back_by_tls_and_a_stranger_is_not_talked_to(door, tmp_path, monkeypatch):
    url = f"activemqs://127.0.0.1:{door.port}"
    with Connection(url) as connection, pytest.raises(OperationalError, match="ActiveMQ cannot be reached"):
        connection.channel()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with Connection(url) as connection, connection.SimpleQueue("default") as queue:
        queue.put({"hello": "world"})
        message = queue.get(timeout=10)
        assert message.payload == {"hello": "world"}
        message.requeue()
        queue.get(timeout=10).ack()
        with pytest.raises(queue.Empty):
            queue.get(timeout=1)
