"""The table of brokers, and its page."""

from pathlib import Path

import pytest

from app import brokers
from app.config import ConfigError, Settings
from app.queue import configuration

DOCS = (Path(__file__).parent.parent.parent / "docs" / "brokers.md").read_text()


def settings(url):
    return Settings.from_env({"APP_ENV": "development", "BROKER_URL": url})


@pytest.mark.parametrize("scheme", brokers.BROKERS)
def test_each_is_on_the_page_with_its_package(scheme):
    (row,) = (line for line in DOCS.splitlines() if f"`{scheme}://" in line and line.startswith("| "))
    assert brokers.BROKERS[scheme].package in row


@pytest.mark.parametrize("url", ["no url", "amq://h", "http://h"])
def test_what_celery_does_not_speak_is_refused_with_one_line(url):
    with pytest.raises(ConfigError, match=r"\ABROKER_URL is no broker's URL; set it to amqps://host, or .+\Z"):
        settings(url)


def test_one_whose_client_is_not_installed_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(brokers, "BROKERS", {"amqp": brokers.Broker(package="celery[speech]", client="no.speech")})
    with pytest.raises(ConfigError, match=r"\ABROKER_URL names a broker by amqp://, but its client is not installed; "
                                          r"add celery\[speech\] to requirements.in and run bin/lock\Z"):
        settings("amqp://h")


def test_of_a_broker_that_is_not_in_the_table_celery_is_told_nothing():
    told = configuration(settings("memory://"))
    assert "broker_transport_options" not in told
    assert told["task_acks_late"]
    assert not brokers.broker_of("memory://").counts
