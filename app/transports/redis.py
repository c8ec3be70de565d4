"""kombu on Redis, with a connection less in each process that publishes, priorities as everywhere else, and a worker
that outlives whatever somebody has pushed to its queue."""

import json
import logging

from kombu.transport import redis

logger = logging.getLogger(__name__)


class Channel(redis.Channel):
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

    def _brpop_read(self, **options):  # Redis has given it to us, and nobody else gets it
        try:
            return super()._brpop_read(**options)
        except json.JSONDecodeError as error:
            logger.error("no JSON on the broker, thrown away: %s", error)


def lists(queue: str) -> list[str]:
    """Where its messages wait in Redis, the most urgent first."""
    return [f"{queue}{Channel.sep}{priority}" if priority else queue for priority in Channel.priority_steps]


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
