"""kombu on Google Pub/Sub, where a message that was not taken is known to be."""

from concurrent.futures import TimeoutError
from functools import cached_property, partial

from google.api_core.exceptions import GoogleAPIError
from google.api_core.retry import Retry
from kombu.exceptions import OperationalError
from kombu.transport import gcpubsub
from kombu.utils.json import dumps

from app.transports.waiting import ShortWaits

#: For one message to be taken, and for a topic to be looked for or made.
SECONDS, TOPIC_SECONDS = 2, 5


class Hurried:
    """A client of Google's, which would try for minutes what it is asked while somebody waits."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        method = getattr(self.client, name)
        if name in ("get_topic", "create_topic", "create_subscription", "update_subscription"):
            return partial(method, retry=Retry(deadline=TOPIC_SECONDS), timeout=TOPIC_SECONDS)
        return method


class Channel(gcpubsub.Channel):
    @cached_property
    def publisher(self):
        return Hurried(gcpubsub.PublisherClient())

    @cached_property
    def subscriber(self):
        return Hurried(gcpubsub.SubscriberClient())

    def _put(self, queue, message, **kwargs):
        """kombu would go on before it has been taken, and try for five minutes."""
        topic = self._queue_cache[self.entity_name(queue)].topic_path
        taken = self.publisher.publish(topic, dumps(message).encode(), routing_key=self._get_routing_key(message),
                                       retry=Retry(deadline=SECONDS), timeout=SECONDS)
        try:
            taken.result(2 * SECONDS)
        except (GoogleAPIError, TimeoutError) as error:
            raise OperationalError(f"Pub/Sub did not take a message: {error}") from error


class Transport(ShortWaits, gcpubsub.Transport):
    Channel = Channel
    connection_errors = (*gcpubsub.Transport.connection_errors, GoogleAPIError)
    recoverable_connection_errors = connection_errors
