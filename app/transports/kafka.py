"""kombu on Kafka, where whatever can fail says so, in time."""

from kombu.exceptions import OperationalError
from kombu.transport import confluentkafka
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

from app.transports.waiting import ShortWaits

#: For what is asked of a broker, and what is sent to it.
SECONDS = 2


class Channel(confluentkafka.Channel):
    wait_time_seconds = 0  # of several queues each would be waited for in turn

    @property
    def options(self):
        """A user and a password in the URL are for TLS alone."""
        signed_in = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"} if self.conninfo.userid else {}
        return signed_in | super().options

    def _put(self, queue, message, **kwargs):
        """kombu would wait five minutes for a broker that is away, and then say nothing."""
        errors = []
        producer = self._get_producer(queue)
        producer.produce(self.sanitize_queue_name(queue), str_to_bytes(dumps(message)),
                         on_delivery=lambda error, _: errors.append(error) if error else None)
        if producer.flush(SECONDS) or errors:
            producer.purge()
            producer.flush(0)
            raise OperationalError(f"Kafka did not take a message: {errors or 'no answer'}")

    def _new_queue(self, queue, **kwargs):
        """kombu would go on while the topic is being made, and a worker not see it for minutes."""
        topic = self.sanitize_queue_name(queue)
        if self._has_queue(topic):
            return
        made = self.client.create_topics([confluentkafka.NewTopic(
            topic, self.options["num_partitions"], self.options["replication_factor"])])
        try:
            made[topic].result(5 * SECONDS)
        except (confluentkafka.KafkaException, TimeoutError) as error:
            if not self._has_queue(topic):  # nor was another process first
                raise OperationalError(f"Kafka has no topic {topic} and makes none: {error}") from error

    def _has_queue(self, queue, **kwargs):
        return self.sanitize_queue_name(queue) in self.client.list_topics(timeout=SECONDS).topics

    def _open(self):
        client = confluentkafka.AdminClient(self.common_config)
        client.list_topics(timeout=SECONDS)
        return client


class Transport(ShortWaits, confluentkafka.Transport):
    Channel = Channel
    connection_errors = (*confluentkafka.Transport.connection_errors, confluentkafka.KafkaException)
    recoverable_connection_errors = connection_errors
