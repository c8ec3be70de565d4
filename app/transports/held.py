"""Messages for Redis that a script pushes together with the record of their job: made as kombu makes them, and kept
here instead of sent. Nothing is connected."""

from contextvars import ContextVar

from kombu import Connection, Producer
from kombu.transport import virtual
from kombu.utils.json import dumps

from app.transports.redis import list_of

_kept: ContextVar[list] = ContextVar("kept")


class Keeper(virtual.Channel):
    def _put(self, queue, message, **_):
        _kept.get().append((list_of(queue, self._get_message_priority(message, reverse=False)), dumps(message)))


class Transport(virtual.Transport):
    Channel = Keeper
    driver_type = "redis"


def producer() -> Producer:
    # With a channel from the start: several threads must not be the first to want one.
    return Producer(Connection(transport=Transport).channel())


def one(publish) -> tuple[str, str] | None:
    """What `publish` sends by such a producer, if that is one message: the list of Redis that it is for, and itself."""
    token = _kept.set([])
    try:
        publish()
        return _kept.get()[0] if len(_kept.get()) == 1 else None
    finally:
        _kept.reset(token)
