"""The broker that librdkafka has for tests, as a process: prints its port, and stays. It makes no topics when
it is asked to."""

import signal

from confluent_kafka import Producer

producer = Producer({"test.mock.num.brokers": 1})
(broker,) = producer.list_topics().brokers.values()
for topic in ("default", "mail"):
    producer.list_topics(topic)
print(broker.port, flush=True)
signal.pause()
