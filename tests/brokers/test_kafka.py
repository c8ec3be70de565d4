"""What Kafka is asked for."""

import pytest
from kombu import Connection

pytest.importorskip("confluent_kafka", reason="pip install -r requirements-brokers.txt")

from app.transports import kafka  # noqa: E402


@pytest.fixture
def config(monkeypatch):
    """How a client is made for a URL."""
    def config(url):
        made = []
        monkeypatch.setattr(kafka.Channel, "_open", lambda self: made.append(self.common_config))
        with Connection(url, transport=kafka.Transport) as connection:
            connection.channel()
        return made[0]

    return config


def test_a_user_is_signed_in_over_tls_and_nobody_is_without(config):
    assert config("kafka://ada:p%2Fw@h:9092") == {
        "bootstrap.servers": "h:9092", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
        "sasl.username": "ada", "sasl.password": "p/w"}
    assert config("kafka://h:9092") == {"bootstrap.servers": "h:9092"}
