from importlib.util import find_spec

import pytest
from flask.testing import FlaskClient

from app import record, schedules
from app.connections import connect
from app.store import Store
from tests.receiver import Receiver
from tests.smtp import Mailbox, MailServer
from tests.stores import Clock, assert_consistent


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(redis, clock):
    """A store whose time is the test's; each job is where it belongs in the end."""
    store = Store(connect(redis.url, patient=False), clock)
    yield store
    assert_consistent(store)
    store.redis.close()


@pytest.fixture
def receiver():
    """A server that takes what the app sends out."""
    receiver = Receiver()
    yield receiver
    receiver.end()


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def serve(mailbox):
    servers = []

    def serve(**options):
        server = MailServer(mailbox, **options)
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        if server._thread:
            server.stop()


@pytest.fixture(autouse=True)
def as_described(monkeypatch):
    """Whatever the API answers in a test, its description knows it; so it does each job and schedule looked at."""
    if not find_spec("app.web.openapi"):
        return
    from app.web import answers
    from tests import described

    plain = FlaskClient.open

    def checked(client, *args, **kwargs):
        answer = plain(client, *args, **kwargs)
        described.check(client.application, answer)
        return answer

    monkeypatch.setattr(FlaskClient, "open", checked)
    monkeypatch.setattr("app.record.as_json", described.checked(record.as_json, answers.Job))
    monkeypatch.setattr("app.schedules.as_json", described.checked(schedules.as_json, answers.Schedule))
