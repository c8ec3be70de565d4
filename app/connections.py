"""From a URL to a connection: one place that knows TLS, time limits and pool sizes."""

import sys
import threading
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

# It could not save its data, and takes no changes until it can; redis-py has no class for that.
redis.connection.DefaultParser.EXCEPTION_CLASSES["MISCONF"] = redis.exceptions.ReadOnlyError

#: Redis is out of reach, or answers that it cannot serve now (full, its disk failing, or failing over); it will again.
UNAVAILABLE = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
)

# Half a minute under the 300 s after which Heroku cuts an idle connection.
HEALTH_CHECK_SECONDS = 25


def with_tls(url: str) -> str:
    """Return the URL with the certificate check spelled as redis-py, kombu and Celery all accept it.

    Heroku's Redis has a self-signed certificate, which no check can pass, so `rediss://` that says
    nothing is encrypted but not verified. `?ssl_cert_reqs=required&ssl_ca_certs=FILE` verifies.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = dict(parse_qsl(parts.query))
    query["ssl_cert_reqs"] = query.get("ssl_cert_reqs", "none").lower().removeprefix("cert_")
    return urlunsplit(parts._replace(query=urlencode(query)))


#: A connection that the server cut while idle is opened again once; silence is not waited out twice.
ONCE = Retry(NoBackoff(), retries=1, supported_errors=(redis.exceptions.ConnectionError,))
_hurry = threading.local()
#: Who is in a hurry waits so long for a connection that another thread has.
HURRY_SECONDS = 1


class Patience(Retry):
    """Waits out an outage, but where this thread is in a hurry."""

    def call_with_retry(self, *args, **options):
        if getattr(_hurry, "on", False):
            return ONCE.call_with_retry(*args, **options)
        return super().call_with_retry(*args, **options)


@contextmanager
def in_a_hurry():
    """For what is not worth a wait: a patient client, too, gives up at the first silence."""
    _hurry.on = True
    try:
        yield
    finally:
        _hurry.on = False


class Shared(redis.ConnectionPool):
    """One connection, of which each thread has the use for a command, and waits as long as another may wait for Redis,
    but in a hurry.

    redis-py's pools look before each command whether theirs is as it was left, which takes as long as the command does.
    Here one that was cut is found by the command, which is then sent again; and one whose command was broken off, by a
    time limit's exception say, is closed: the next command would take the answer for its own.
    """

    def __init__(self, timeout: float, **options):
        super().__init__(**options)
        self.timeout, self.handled = timeout, None

    def reset(self):
        self.turn = threading.Lock()  # in a fork, that of the parent may be taken, for ever
        super().reset()

    def get_connection(self, command_name=None, *keys, **options):
        self._checkpid()
        if not self.turn.acquire(timeout=HURRY_SECONDS if getattr(_hurry, "on", False) else self.timeout):
            raise redis.exceptions.ConnectionError("No connection available.")
        try:
            if not self._available_connections:
                self._available_connections.append(self.make_connection())
            self._available_connections[0].connect()
        except BaseException:  # maybe amid the handshake, whose answers nobody has read
            try:
                self.disconnect()
            finally:
                self.turn.release()
            raise
        self.handled = sys.exc_info()[1]
        return self._available_connections[0]

    def release(self, connection):
        error = sys.exc_info()[1]  # that ends the command, if it is not one that was there before
        try:
            if error is not self.handled and not isinstance(error, redis.exceptions.ResponseError):
                connection.disconnect()
        finally:
            self.turn.release()


def connect(url: str, *, patient: bool) -> redis.Redis:
    """Open a client of the job store: one connection, which the threads of a process share, as the smallest plan
    has 20 in all. Nothing is sent until its first command.

    Args:
        url: `redis://` or `rediss://`.
        patient: True inside a running job, which waits out a Redis restart of up to ten minutes
            rather than lose what it has done; False where somebody waits for the answer: then
            an unreachable Redis is an error within 3 s.

    Raises (later, from a command):
        One of UNAVAILABLE.
    """
    if patient:
        retry, timeout = Patience(ExponentialBackoff(cap=2, base=0.05), retries=300, supported_errors=UNAVAILABLE), 5
    else:
        retry, timeout = ONCE, 1
    pool = Shared.from_url(
        with_tls(url),
        max_connections=1,
        timeout=600 if patient else timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_SECONDS,
        retry=retry,
        decode_responses=True,
        encoding_errors="replace",  # a job may fail of a file name that is no UTF-8, and must still be settled
    )
    return redis.Redis(connection_pool=pool)
