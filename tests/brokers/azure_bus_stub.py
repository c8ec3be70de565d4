"""A namespace of Azure Service Bus in memory, behind as much of its client as kombu and we call."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import isodate
from azure.core.exceptions import ResourceExistsError, ServiceRequestError
from azure.servicebus import ServiceBusReceivedMessage, ServiceBusReceiveMode
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessagingEntityNotFoundError,
    ServiceBusConnectionError,
)


class Namespace:
    """Takes the place of both clients: what they are made with is in `told`."""

    def __init__(self):
        self.queues: dict[str, list[Message]] = {}
        self.lock_seconds: dict[str, float] = {}
        self.open, self.away, self.told = 0, False, []

    def from_connection_string(self, text, **options):
        self.told.append((text, options))
        return self

    def __call__(self, namespace, credential, **options):
        return self.from_connection_string(namespace, **options)

    # --- ServiceBusAdministrationClient

    def get_namespace_properties(self):
        if self.away:
            raise ServiceRequestError("away")

    def create_queue(self, queue_name, lock_duration):
        self.get_namespace_properties()
        if queue_name in self.queues:
            raise ResourceExistsError("there is such a queue")
        self.queues[queue_name] = []
        self.lock_seconds[queue_name] = isodate.parse_duration(lock_duration).total_seconds()

    # --- ServiceBusClient

    def get_queue_sender(self, queue, keep_alive):
        return Link(self, queue)

    def get_queue_receiver(self, queue_name, receive_mode, keep_alive, prefetch_count=0):
        assert receive_mode == ServiceBusReceiveMode.PEEK_LOCK
        return Link(self, queue_name)

    def find(self, queue) -> list["Message"]:
        if self.away:
            raise ServiceBusConnectionError(message="away")
        if queue not in self.queues:
            raise MessagingEntityNotFoundError(message="no such queue")
        return self.queues[queue]


class Link:
    """ServiceBusSender and ServiceBusReceiver. One that is closed keeps what it has locked."""

    def __init__(self, namespace, queue):
        self.namespace, self.queue, self._running = namespace, queue, True
        namespace.open += 1

    def __enter__(self):
        return self

    def close(self):
        assert self._running
        self._running = False
        self.namespace.open -= 1

    def send_messages(self, message):
        self.namespace.find(self.queue).append(Message(b"".join(message.body)))

    def receive_messages(self, max_message_count, max_wait_time):
        assert self._running
        free = [message for message in self.namespace.find(self.queue) if message._lock_expired]
        if not free:
            time.sleep(max_wait_time)
        return [message.taken(self, self.namespace.lock_seconds[self.queue]) for message in free[:max_message_count]]

    def renew_message_lock(self, message):
        if message._lock_expired:
            raise MessageLockLostError(message="too late")
        message.lock(self.namespace.lock_seconds[self.queue])

    def complete_message(self, message):
        self.found(message)
        self.namespace.queues[self.queue].remove(message.original)

    def abandon_message(self, message):
        self.found(message).until = datetime.now(UTC)

    def found(self, message):
        self.namespace.find(self.queue)
        if message.original.token != message.token or message._lock_expired:
            raise MessageLockLostError(message="it is no longer yours")
        message._settled = True
        return message.original


class Message(ServiceBusReceivedMessage):
    """As the queue has it; `taken` makes what a receiver gets."""

    def __init__(self, text: bytes):
        self.text, self.token, self.original, self.until = text, "", self, datetime.now(UTC)
        self._settled, self.auto_renew_error = False, None

    def taken(self, receiver, seconds):
        self.token = uuid.uuid4().hex
        self.lock(seconds)
        given = Message(self.text)
        given.token, given.original, given._receiver = self.token, self, receiver
        given._received_timestamp_utc = datetime.now(UTC)
        return given

    def lock(self, seconds):
        self.original.until = datetime.now(UTC) + timedelta(seconds=seconds)

    @property
    def body(self):
        return iter([self.text])

    @property
    def locked_until_utc(self):
        return self.original.until

    @property
    def _lock_expired(self):
        return self.original.until <= datetime.now(UTC)
