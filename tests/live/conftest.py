import pytest

from app.connections import connect
from app.store import Store
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
