"""kombu on Redis, with a connection less in each process that publishes, and priorities as everywhere else."""

from kombu.transport import redis


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


def lists(queue: str) -> list[str]:
    """Where its messages wait in Redis, the most urgent first."""
    return [f"{queue}{Channel.sep}{priority}" if priority else queue for priority in Channel.priority_steps]


class Transport(redis.Transport):
    Channel = Channel
