"""kombu on Azure Service Bus, where what is given back is there for others at once, and nobody waits for minutes."""

import logging
from functools import cached_property

from azure.core.exceptions import AzureError
from azure.servicebus._pyamqp.error import AMQPException
from azure.servicebus.management import ServiceBusAdministrationClient
from kombu.transport import azureservicebus, virtual

from app.transports.waiting import ShortWaits

logger = logging.getLogger(__name__)
logging.getLogger("azure").setLevel(logging.WARNING)  # it has lines for each request

ERRORS = (AzureError, AMQPException)


class QoS(virtual.QoS):
    def ack(self, delivery_tag):
        super().ack(delivery_tag)
        self.channel.settle(delivery_tag, "complete_message")

    def reject(self, delivery_tag, requeue=False):
        """kombu would leave it locked, and the lock be renewed."""
        super().ack(delivery_tag)
        self.channel.settle(delivery_tag, "abandon_message" if requeue else "complete_message")

    def restore_unacked_once(self, stderr=None):
        self._on_collect.cancel()
        for delivery_tag in list(self.channel.locked):
            self.channel.settle(delivery_tag, "abandon_message")


class Channel(azureservicebus.Channel):
    QoS = QoS
    basic_ack = virtual.Channel.basic_ack

    def __init__(self, *args, **options):
        self.locked = {}  # delivery tag -> queue, message: no JSON, so they must not be in a job's request
        super().__init__(*args, **options)
        self.queue_mgmt_service.get_namespace_properties()  # kombu's would be connected to nobody

    @cached_property
    def queue_mgmt_service(self):
        """kombu's would try for many minutes."""
        options = {"connection_timeout": 2, "read_timeout": 5, "retry_total": 1, "retry_backoff_factor": 0.1}
        if self._connection_string:
            return ServiceBusAdministrationClient.from_connection_string(self._connection_string, **options)
        return ServiceBusAdministrationClient(self._namespace, self._credential, **options)

    def _size(self, queue):
        return 0  # what it tells has in it what is locked, and the dead letters

    def _get(self, queue, timeout=None):
        message = super()._get(queue, timeout)
        delivery = message["properties"]["delivery_info"]
        taken = delivery.pop("azure_queue_name"), delivery.pop("azure_message")
        self.locked[message["properties"]["delivery_tag"]] = taken
        return message

    def settle(self, delivery_tag, how: str):
        queue, message = self.locked.pop(delivery_tag, (None, None))
        try:
            if message:
                getattr(self._get_asb_receiver(queue).receiver, how)(message)
        except ERRORS as error:  # it comes again when its lock ends: a job runs once
            logger.warning("%s: %s", how, error)


class Transport(ShortWaits, azureservicebus.Transport):
    Channel = Channel
    driver_type = driver_name = "azureservicebus"
    connection_errors = (*azureservicebus.Transport.connection_errors, *ERRORS)
    recoverable_connection_errors = connection_errors
