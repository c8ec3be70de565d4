"""The brokers, a row each: what Celery must be told of one beside its URL. docs/brokers.md is about using them.

The job store stays Redis, and keeps the promise; a broker carries wake-ups. Of any other that kombu has a transport
for, Celery is told nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType

from kombu.transport import TRANSPORT_ALIASES

from app.connections import HEALTH_CHECK_SECONDS


@dataclass(frozen=True)
class Broker:
    """What Celery must be told.

    Args:
        settings: of Celery; they go before those of app.queue.
        package: what requirements.in needs for it, which brings the module `client`.
        counts: it tells how many messages wait. Of one that does not, the sweep thinks it from what was taken last.
        transport: ours, where kombu's will not do.
        url: what the whole of it has to be, where nobody else checks that; its named groups are secrets.
        such_as: that, for people.
    """

    settings: Mapping = field(default_factory=dict)
    package: str = ""
    client: str = ""
    counts: bool = False
    transport: str = ""
    url: str = ""
    such_as: str = ""


REDIS = Broker(
    settings={
        "worker_disable_prefetch": True,  # no worker hoards what another could start (Redis only)
        "broker_transport_options": {
            # Far out of the way: a lost message is found by the sweep, so the broker need not guess.
            "visibility_timeout": 12 * 3600,
            "socket_timeout": 5,  # none by default: a silent Redis would block .delay() for ever
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": HEALTH_CHECK_SECONDS,
        },
    },
    counts=True,
    transport="app.transports.redis:Transport",  # by its alias, so that Celery's lines still say redis://
)
RABBITMQ = Broker(
    settings={
        "broker_heartbeat": 30,  # of workers: 120 s by default, for as long a dead connection is taken for a quiet one
        "broker_transport_options": {
            "confirm_publish": True,  # published is what most of its nodes have on disk
            "read_timeout": 5,  # of what is asked of it; a worker waits for messages without
            "write_timeout": 5,
        },
    },
    counts=True,
    transport="app.transports.rabbitmq:Transport",
)
SQS = Broker(
    settings={
        "worker_enable_remote_control": False,  # it would want SNS too
        "broker_transport_options": {
            "wait_time_seconds": 20,  # the most: each question costs, also one that finds nothing
            "polling_interval": 0,  # and the next one follows at once
            "client-config": {"connect_timeout": 2, "read_timeout": 30, "retries": {"total_max_attempts": 2}},
        },
    },
    package="celery[sqs]",
    client="pycurl",
    counts=True,
    transport="app.transports.sqs:Transport",
)
KAFKA = Broker(
    settings={
        "worker_enable_remote_control": False,  # there is no broadcast
        "broker_transport_options": {
            "num_partitions": 12,  # of a new topic: as many workers can take from it
            "replication_factor": -1,  # as the cluster has it
            "kafka_producer_config": {"linger.ms": 0, "message.timeout.ms": 2000},
            "kafka_consumer_config": {
                "session.timeout.ms": 6000,  # 45 s by default, for which a dead worker keeps its partitions
            },
        },
    },
    package="kombu[confluentkafka]",
    client="confluent_kafka",
    transport="app.transports.kafka:Transport",
)
PUBSUB = Broker(
    package="celery[gcpubsub]",
    client="google.pubsub_v1",
    transport="app.transports.pubsub:Transport",
)
ACTIVEMQ = Broker(
    settings={"worker_enable_remote_control": False},  # there is no broadcast
    package="stomp-py",
    client="stomp",
    transport="app.transports.activemq:Transport",
)
AZURE_KEY = "[A-Za-z0-9+/]{8,}={0,2}"  # as Azure shows it: quoted as in other URLs it would be another
AZURE_IDENTITY = "DefaultAzureCredential|ManagedIdentityCredential"
AZURE_QUEUES = Broker(
    settings={"worker_enable_remote_control": False},  # there is no broadcast
    package="kombu[azurestoragequeues]",
    client="azure.storage.queue",
    transport="app.transports.azure_queues:Transport",
    url=rf"\w+://({AZURE_IDENTITY}|\??(?P<secret>{AZURE_KEY}|[^?@\s]*\bsig=(?P<signature>[^@&\s]+)[^@\s]*))"
        r"@https?://[^@\s/]+(/devstoreaccount1)?/?",
    such_as="azurestoragequeues://KEY@https://ACCOUNT.queue.core.windows.net",
)
AZURE_BUS = Broker(
    settings={
        "worker_enable_remote_control": False,  # there is no broadcast
        "broker_transport_options": {
            "wait_time_seconds": 0.5,  # in which nothing else is done, for each queue in turn
            "use_lock_renewal": True,  # a message is another worker's after 60 s without
            "max_lock_renewal_duration": 12 * 3600,
            "retry_total": 1,
            "retry_backoff_max": 1,
        },
    },
    package="kombu[azureservicebus]",
    client="azure.servicebus",
    transport="app.transports.azure_bus:Transport",
    url=rf"\w+://({AZURE_IDENTITY}|[^:@/\s]+:(?P<secret>{AZURE_KEY}))@[A-Za-z0-9.-]+",
    such_as="azureservicebus://POLICY:KEY@NAMESPACE",
)

BROKERS: Mapping[str, Broker] = MappingProxyType({
    "redis": REDIS,
    "rediss": REDIS,
    "amqp": RABBITMQ,
    "amqps": RABBITMQ,
    "sqs": SQS,
    "kafka": KAFKA,
    "gcpubsub": PUBSUB,
    "activemq": ACTIVEMQ,
    "activemqs": ACTIVEMQ,
    "azurestoragequeues": AZURE_QUEUES,
    "azureservicebus": AZURE_BUS,
})

TRANSPORT_ALIASES |= {scheme: broker.transport for scheme, broker in BROKERS.items() if broker.transport}
TRANSPORT_ALIASES |= {"amqps": "app.transports.rabbitmq:SSLTransport",
                      "activemqs": "app.transports.activemq:SSLTransport"}


def broker_of(url: str) -> Broker:
    return BROKERS.get(_scheme(url), Broker())


def problem(url: str) -> str:
    """What keeps this app from using the URL, with the way out; or ""."""
    if "://" not in url or _scheme(url) not in TRANSPORT_ALIASES:
        return "is no broker's URL; set it to amqps://host, or another that Celery speaks"
    broker = broker_of(url)
    if broker.client and not _installed(broker.client):
        return (f"names a broker by {_scheme(url)}://, but its client is not installed; "
                f"add {broker.package} to requirements.in and run bin/lock")
    if broker.url and not re.fullmatch(broker.url, url):  # it may hold a secret, so it is not repeated
        return f"is no such URL; set it to {broker.such_as}"
    return ""


def secrets(url: str) -> list[str]:
    """What in it is one and does not stand where other URLs have a password."""
    found = re.fullmatch(broker_of(url).url, url)
    return [part for part in found.groupdict().values() if part] if found else []


def _scheme(url: str) -> str:
    return url.partition("://")[0].partition("+")[0]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it is in
        return False
