"""kombu on Redis, with a connection less in each process that publishes."""

from kombu.transport import redis


class Channel(redis.Channel):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        # kombu has just opened one to see whether Redis is there, and keeps it in a pool that only consumers use again:
        # of the 20 on the smallest plan, one for each process that publishes would stand idle.
        self.async_pool.disconnect(inuse_connections=False)


class Transport(redis.Transport):
    Channel = Channel
