"""kombu on Azure Storage Queues, where a message is there until its job has ended, and any name is a queue's."""

import logging
import re
from contextlib import suppress
from queue import Empty
from time import monotonic
from zlib import crc32

from azure.core.exceptions import AzureError
from azure.storage.queue import LinearRetry, QueueServiceClient
from kombu.transport import azurestoragequeues, virtual
from kombu.utils.json import dumps, loads

from app.transports.redis import is_message
from app.transports.waiting import ShortWaits

logger = logging.getLogger(__name__)
logging.getLogger("azure").setLevel(logging.WARNING)  # it has two lines for each request

#: What a worker took and neither finished nor gave back is there again after so long: far out of the way, as a lost
#: message is found by the sweep.
HIDDEN_SECONDS = 12 * 3600
#: A queue that was empty is asked again after so long: each question costs.
EMPTY_SECONDS = 1
#: What Azure takes for a queue's name.
NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


class QoS(virtual.QoS):
    def ack(self, delivery_tag):
        super().ack(delivery_tag)
        self.channel.delete(self.get(delivery_tag))

    def reject(self, delivery_tag, requeue=False):
        super().reject(delivery_tag, requeue)
        if not requeue:
            self.channel.delete(self.get(delivery_tag))

    def restore_unacked_once(self, stderr=None):
        self._on_collect.cancel()
        self._flush()
        for message in self._delivered.values():
            self.channel._restore(message)


class Channel(azurestoragequeues.Channel):
    QoS = QoS

    def __init__(self, *args, **options):
        self.ask_again = {}
        super().__init__(*args, **options)

    @property
    def queue_service(self):
        """kombu's would try for a minute."""
        if self._queue_service is None:
            self._queue_service = QueueServiceClient(
                self._url, self._credential, connection_timeout=2, read_timeout=5,
                retry_policy=LinearRetry(backoff=0, retry_total=1, random_jitter_range=0))
        return self._queue_service

    def entity_name(self, name, table=None):
        if NAME.fullmatch(name):
            return name
        plain = re.sub("[^a-z0-9]+", "-", name.lower())[:50].strip("-")
        return f"{plain or 'queue'}-{crc32(name.encode()):08x}"  # a.b is not a-b

    def _put(self, queue, message, **options):
        self._ensure_queue(queue).send_message(dumps(message), time_to_live=-1)  # a week by default

    def _get(self, queue, timeout=None):
        """kombu's would delete it at once."""
        if monotonic() < self.ask_again.get(queue, 0):
            raise Empty
        client = self._ensure_queue(queue)
        found = client.receive_message(visibility_timeout=HIDDEN_SECONDS)
        if not found:
            self.ask_again[queue] = monotonic() + EMPTY_SECONDS
            raise Empty
        with suppress(ValueError, TypeError):
            message = loads(found.content)
            if is_message(message, type(self)):
                message["properties"]["delivery_info"]["azure"] = [client.queue_name, found.id, found.pop_receipt]
                return message
        logger.error("no message, thrown away, on the broker's queue %s", queue)
        client.delete_message(found)
        raise Empty

    def delete(self, message):
        queue, id, receipt = message.delivery_info["azure"]
        with suppress(AzureError):  # it is somebody else's by now, or comes again: a job runs once
            self.queue_service.get_queue_client(queue).delete_message(id, receipt)

    def _restore(self, message):
        queue, id, receipt = message.delivery_info["azure"]
        with suppress(AzureError):
            self.queue_service.get_queue_client(queue).update_message(id, receipt, visibility_timeout=0)


class Transport(ShortWaits, azurestoragequeues.Transport):
    Channel = Channel
    driver_type = driver_name = "azurestoragequeues"
    connection_errors = (*azurestoragequeues.Transport.connection_errors, AzureError)
    recoverable_connection_errors = connection_errors
