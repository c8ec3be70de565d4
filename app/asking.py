"""One JSON call to a service of somebody else. http.client follows no redirect, which would get the token too."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

#: For each step of a call: to connect, to send, to get the answer. And for all of it.
SECONDS, MOST_SECONDS = 5, 20
MOST_BYTES = 100_000


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: dict  # {} where it is no JSON object


def connect(url: str) -> HTTPConnection:
    """A connection that several calls may use, one after the other. Nothing is sent until the first."""
    parts = urlsplit(url)
    connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return connection(parts.hostname, parts.port, timeout=SECONDS)


def ask(method: str, url: str, headers: dict[str, str], body: dict | bytes | None = None,
        http: HTTPConnection | None = None) -> Answer:
    """Over `http`, or a connection of its own. Raises OSError when there is no answer."""
    if http is None:
        with closing(connect(url)) as http:
            return ask(method, url, headers, body, http)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    try:
        if http.sock is None:
            http.connect()
        with cut(http.sock, monotonic() + MOST_SECONDS):
            http.request(method, urlsplit(url).path, data, {"Content-Type": "application/json"} | headers)
            answer = http.getresponse()
            found = Answer(answer.status, answer.headers, _object(answer.read(MOST_BYTES)))
        if not answer.isclosed():  # there is more of it, which the next call would read
            http.close()
        return found
    except (OSError, HTTPException) as error:
        http.close()
        if isinstance(error, HTTPException):
            raise OSError(f"no answer that HTTP knows: {error!r}") from None
        raise


@contextmanager
def cut(sock: socket.socket, deadline: float) -> Iterator[None]:
    """Hang up at the deadline, whatever the other side is doing: a socket's timeout begins anew with each byte."""

    def hang_up():
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of an SSLSocket would go on in the clear

    timer = threading.Timer(max(0, deadline - monotonic()), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if monotonic() >= deadline:  # http.client takes the end of the line for the end of the headers
        raise TimeoutError("the answer took too long")


def _object(text: bytes) -> dict:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
