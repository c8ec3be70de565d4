"""kombu on Redis, with a connection less in each process that publishes, priorities as everywhere else, a worker that
outlives whatever somebody has pushed to its queue, and no notes in Redis of what our records know better."""

import json
import logging
from contextlib import suppress
from functools import cached_property

from kombu.transport import redis, virtual
from redis import Redis
from redis.exceptions import OutOfMemoryError

from app.transports import RECORDED

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    """What a worker has taken and not acknowledged. kombu notes it in Redis as well, for others to find long after the
    worker was killed: eight commands and two round trips a message. A job with a record is found by that, and sooner;
    its message is known to the worker alone, which gives it back when it stops."""

    def append(self, message, delivery_tag):
        if RECORDED in message.headers:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag):
        if self._recorded(delivery_tag):
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag, requeue=False):
        if self._recorded(delivery_tag) and not requeue:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().reject(delivery_tag, requeue)

    def restore_by_tag(self, tag, client=None, leftmost=False):
        if not self._recorded(tag):
            super().restore_by_tag(tag, client, leftmost)
        elif tag not in self._dirty:
            message = self._delivered[tag]
            to = message.delivery_info["exchange"], message.delivery_info["routing_key"]
            with self.channel.conn_or_acquire(client) as client:
                self.channel._do_restore_message(message._raw, *to, client, leftmost)

    def restore_visible(self, *args, **options):
        with suppress(OutOfMemoryError):  # it takes a lock first, and a worker that starts now could not go on
            super().restore_visible(*args, **options)

    def _recorded(self, tag) -> bool:
        return tag in self._delivered and RECORDED in self._delivered[tag].headers


class Client(Redis):
    def pipeline(self, transaction=False, shard_hint=None):
        """No transaction where kombu does not ask for one: in that a full Redis refuses even what only reads."""
        return super().pipeline(transaction, shard_hint)


class Channel(redis.Channel):
    QoS = QoS
    # kombu has them the other way up on Redis alone. A list of its own for each, in the order in which they are asked;
    # that of 0 is the queue's own, where also those wait that other programs put there without a priority.
    priority_steps = tuple(range(9, -1, -1))

    def priority(self, n: int) -> int:
        return n

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        # kombu has just opened one to see whether Redis is there, and keeps it in a pool that only consumers use again:
        # of the 20 on the smallest plan, one for each process that publishes would stand idle.
        self.async_pool.disconnect(inuse_connections=False)

    def _queue_bind(self, *args):
        with suppress(OutOfMemoryError):  # it is bound already, and what we publish names its queue
            super()._queue_bind(*args)

    def _connparams(self, asynchronous=False):
        if self.connection is None:  # it broke while kombu declared the queue, which goes on with what it has closed
            raise ConnectionResetError("The connection broke just now.")
        return super()._connparams(asynchronous)

    def _get_client(self):
        return Client

    def _create_client(self, asynchronous=False):  # kombu makes one for each command, which takes longer than that
        return super()._create_client(asynchronous=True) if asynchronous else self._own_client

    @cached_property
    def _own_client(self):
        return super()._create_client()

    def _disconnect_pools(self):
        super()._disconnect_pools()
        self.__dict__.pop("_own_client", None)

    def _brpop_read(self, **options):  # Redis has given it to us, and nobody else gets it
        try:
            return super()._brpop_read(**options)
        except json.JSONDecodeError as error:
            logger.error("no JSON on the broker, thrown away: %s", error)


def lists(queue: str) -> list[str]:
    """Where its messages wait in Redis, the most urgent first."""
    return [list_of(queue, priority) for priority in Channel.priority_steps]


def list_of(queue: str, priority: int) -> str:
    return f"{queue}{Channel.sep}{priority}" if priority else queue


class Transport(redis.Transport):
    Channel = Channel

    def _deliver(self, message, queue):
        if is_message(message, self.Channel):
            super()._deliver(message, queue)
        else:
            logger.error("no message, thrown away, on the broker's queue %s", queue)


def is_message(raw: object, channel: type) -> bool:
    """Whether it has what kombu takes for granted."""
    try:
        properties, tag = raw["properties"], raw["properties"]["delivery_tag"]
        channel.decode_body(channel, raw["body"], properties.get("body_encoding"))
        info = properties["delivery_info"]
        return all(isinstance(text, str) for text in (tag, info["exchange"], info["routing_key"])) and isinstance(
            raw["headers"], dict)
    except (TypeError, AttributeError, LookupError, ValueError):
        return False
