"""kombu on ActiveMQ, by STOMP: kombu itself has nothing for it."""

from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from threading import Event

import stomp
from kombu.exceptions import OperationalError
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from kombu.utils.url import maybe_sanitize_url

from app.transports.waiting import ShortWaits

#: For the broker to answer.
SECONDS = 2
#: Silence for longer than this many milliseconds, either way, is a dead connection.
HEARTBEAT = 15_000


class Session(stomp.ConnectionListener):
    """A STOMP connection. stomp.py calls the methods `on_…` in a thread of its own."""

    def __init__(self, client, tls: bool):
        self.arrived: dict[str, SimpleQueue] = {}
        self.receipts: dict[str, Event] = {}
        self.ids, self.error = count(), ""
        server = (client.hostname, client.port)
        self.stomp = stomp.Connection12([server], heartbeats=(HEARTBEAT, HEARTBEAT), timeout=SECONDS,
                                        reconnect_attempts_max=1)
        if tls:
            self.stomp.set_ssl([server])
        self.stomp.set_listener("", self)
        try:
            self.stomp.connect(client.userid, client.password, wait=True)
        except stomp.exception.StompException as error:
            raise OperationalError(f"ActiveMQ cannot be reached: {self.error or type(error).__name__}") from error

    def on_message(self, frame):
        self.arrived[frame.headers["subscription"]].put(frame)

    def on_receipt(self, frame):
        if receipt := self.receipts.get(frame.headers["receipt-id"]):
            receipt.set()

    def on_error(self, frame):
        self.error = frame.headers.get("message", "refused")

    def on_disconnected(self):
        self.error = self.error or "the connection was lost"

    def check(self):
        if self.error:
            raise OperationalError(f"ActiveMQ: {self.error}")

    def send(self, queue: str, body: str):
        self.check()
        id = str(next(self.ids))
        receipt = self.receipts[id] = Event()
        self.stomp.send(f"/queue/{queue}", body, receipt=id, persistent="true")
        taken = receipt.wait(SECONDS)
        del self.receipts[id]
        self.check()
        if not taken:
            self.error = "no answer"
            self.check()

    def take(self, queue: str, prefetch: int) -> stomp.utils.Frame:
        """Raises queue.Empty."""
        self.check()
        if queue not in self.arrived:
            self.arrived[queue] = SimpleQueue()
            self.stomp.subscribe(f"/queue/{queue}", queue, "client-individual", {"activemq.prefetchSize": prefetch})
        return self.arrived[queue].get_nowait()

    def done(self, id: str):
        with suppress(stomp.exception.StompException):  # else the broker gives it to another
            self.stomp.ack(id)


class QoS(virtual.QoS):
    def ack(self, delivery_tag):
        self.channel.session.done(self.get(delivery_tag).delivery_info["stomp"])
        super().ack(delivery_tag)

    def reject(self, delivery_tag, requeue=False):
        """A message that is given back is sent anew: what STOMP calls NACK is for the dead letters."""
        id = self.get(delivery_tag).delivery_info.pop("stomp")
        super().reject(delivery_tag, requeue)
        self.channel.session.done(id)

    def restore_unacked_once(self, stderr=None):
        """The broker does so when the connection ends."""


class Channel(virtual.Channel):
    QoS = QoS
    do_restore = False

    def __init__(self, connection, **options):
        super().__init__(connection, **options)
        self.session = Session(connection.client, connection.tls)

    def _put(self, queue, message, **options):
        self.session.send(queue, dumps(message))

    def _get(self, queue, timeout=None):
        frame = self.session.take(queue, self.qos.prefetch_count or 1)
        message = loads(frame.body)
        message["properties"]["delivery_info"]["stomp"] = frame.headers["ack"]
        return message

    def _size(self, queue):
        return 0  # it does not tell

    def close(self):
        if not self.closed:
            super().close()
            self.session.stomp.disconnect()


class Transport(ShortWaits, virtual.Transport):
    Channel = Channel
    default_port, tls = 61613, False
    driver_type = driver_name = "activemq"
    connection_errors = (*virtual.Transport.connection_errors, stomp.exception.StompException, OperationalError)
    recoverable_connection_errors = connection_errors

    def drain_events(self, connection, timeout=None):
        for channel in self.channels:
            channel.session.check()
        return super().drain_events(connection, timeout=timeout)

    def driver_version(self):
        return ".".join(map(str, stomp.__version__))

    def as_uri(self, uri, include_password=False, mask="**"):
        return maybe_sanitize_url(uri, mask)


class SSLTransport(Transport):
    default_port, tls = 61614, True
