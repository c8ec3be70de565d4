"""kombu on RabbitMQ, with quorum queues."""

from kombu.transport import pyamqp

#: A confirmation that takes longer counts as none: the sweep publishes again. Whoever makes a job waits for it.
CONFIRM_SECONDS = 1


class Channel(pyamqp.Channel):
    def queue_declare(self, queue="", passive=False, durable=False, exclusive=False, auto_delete=True, nowait=False,
                      arguments=None):
        # Where Celery itself knows of quorum queues it makes 28 more for delays; ours are in the schedule.
        if durable and not exclusive and not auto_delete:
            arguments = {"x-queue-type": "quorum", **(arguments or {})}
        return super().queue_declare(queue, passive, durable, exclusive, auto_delete, nowait, arguments)

    def basic_publish_confirm(self, *args, **options):
        options["confirm_timeout"] = options.get("confirm_timeout") or CONFIRM_SECONDS
        return super().basic_publish_confirm(*args, **options)


class Connection(pyamqp.Connection):
    Channel = Channel


class Transport(pyamqp.Transport):
    Connection = Connection

    def qos_semantics_matches_spec(self, connection):
        return True  # a quorum queue knows the prefetch of each consumer only


class SSLTransport(pyamqp.SSLTransport):
    Connection = Connection
    qos_semantics_matches_spec = Transport.qos_semantics_matches_spec
