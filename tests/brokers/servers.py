"""Each broker as the tests have it: what starts one in a folder, and what is missing here. Each has

    url, env     its BROKER_URL, and what else the app's processes need
    start, stop  with its data kept
    end          for good
    gaps         the checks that cannot hold, each with the reason
    instead      those that are made in another way, each with which
    real         it is the server that its users have, and not one that stands in for it
"""

from tests.brokers import activemq, azurite, kafka, pubsub, rabbitmq, sqs
from tests.dynos import Server


class Redis(Server):
    """Beside that of the job store, to compare with."""

    env, gaps, instead, real = {}, {}, {}, True

    def __init__(self, folder):
        (folder / "redis").mkdir()
        super().__init__(folder / "redis")

    end = Server.stop


BROKERS = {
    "RabbitMQ": (rabbitmq.RabbitMQ, rabbitmq.missing),
    "SQS": (sqs.SQS, sqs.missing),
    "Kafka, librdkafka's mock": (kafka.Kafka, kafka.missing),
    "Kafka, Tansu": (kafka.Tansu, kafka.missing_tansu),
    "Google Pub/Sub": (pubsub.PubSub, pubsub.missing),
    "ActiveMQ": (activemq.ActiveMQ, activemq.missing),
    "Azure Storage Queues": (azurite.Azurite, azurite.missing),
}
