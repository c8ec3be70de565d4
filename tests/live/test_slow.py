"""Clients that are slow to send, or say nothing, against a real gunicorn: others are served all the same."""

import socket
import threading
import time
import urllib.request
from contextlib import ExitStack

import pytest

from tests.dynos import wait_for
from tests.stores import kept

#: Threads of gunicorn.conf.py.
THREADS = 16


@pytest.fixture
def web(dynos):
    dynos.web()
    return dynos


def head(path="/api/jobs", length=2000, token="test-token", type="application/json") -> bytes:
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {type}\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


def connect(web) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", web.port))
    connection.settimeout(20)
    return connection


def everything(connection) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def drip(web, begin: bytes, stop: threading.Event):
    """A client that sends a byte now and then, and comes back when it is thrown out."""
    while not stop.is_set():
        with connect(web) as connection:
            connection.settimeout(0.5)
            try:
                connection.sendall(begin)
                while not stop.is_set():
                    try:
                        if not connection.recv(4096):
                            break
                    except TimeoutError:
                        connection.send(b"x")
            except OSError:
                pass


def served(web, path="/api/jobs") -> int:
    request = urllib.request.Request(web.base + path, headers={"Authorization": "Bearer test-token"})
    with urllib.request.urlopen(request, timeout=8) as answer:
        return answer.status


@pytest.mark.parametrize("begin", [
    head(), head(token="wrong"), head("/sign-in", type="application/x-www-form-urlencoded"),
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
], ids=["a body", "a body without the token", "a form of who is not signed in", "a head"])
def test_others_are_served_while_slow_clients_are_more_than_there_are_threads(web, begin):
    stop = threading.Event()
    slow = [threading.Thread(target=drip, args=(web, begin, stop), daemon=True) for _ in range(40)]
    for thread in slow:
        thread.start()
    time.sleep(1)
    try:
        assert [served(web) for _ in range(5)] == [200] * 5
    finally:
        stop.set()
        for thread in slow:
            thread.join()


def test_others_are_served_while_connections_lie_idle(web):
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(web))
        assert served(web) == 200


def test_who_may_not_send_a_body_is_told_before_it_comes_and_is_not_listened_to(web):
    for token, answer in (("wrong", b"401"), ("", b"401")):
        with connect(web) as connection:
            connection.sendall(head(token=token, length=200_000))
            said = everything(connection)  # we sent nothing more, and it closed
        assert said.split()[1] == answer


def test_a_body_that_comes_too_slowly_is_answered_408_and_none_of_it_is_read_as_another_request(web):
    hidden = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:  # one more than may be slow: the first is thrown out
        slow = [stack.enter_context(connect(web)) for _ in range(THREADS // 2 + 1)]
        for connection in slow:
            connection.sendall(head())
        said = wait_for(lambda: next(filter(None, map(available, slow)), None), 20, "one to be refused")
        (connection,) = [connection for connection in slow if connection.fileno() == said[0]]
        connection.sendall(hidden)
        whole = everything(connection)
    assert whole.split()[1] == b"408"
    assert whole.count(b"HTTP/1.1 ") == 1
    assert b"too slowly" in whole


def available(connection) -> tuple[int] | None:
    connection.setblocking(False)
    try:
        return (connection.fileno(),) if connection.recv(1, socket.MSG_PEEK) else None
    except BlockingIOError:
        return None
    finally:
        connection.settimeout(20)


def test_a_slow_body_that_keeps_coming_is_waited_for(web):
    body = b'{"kind": "sample", "params": {"label": "slow"}}'
    with connect(web) as connection:
        connection.sendall(head(length=len(body)))
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
        assert connection.recv(100).split()[1] == b"202"
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1 200" in connection.recv(65536) + connection.recv(65536), "the connection stays"


@pytest.mark.parametrize("path, body", [
    ("/api/jobs", b'{"kind": "sample", "params": {"label": "half"}}'),
    ("/api/jobs/bulk", b'{"kind": "sample", "params": {"label": "half"}}\n'),
])
def test_half_a_body_is_not_taken_for_a_whole_one(web, path, body):
    with connect(web) as connection:
        connection.sendall(head(path, length=1000) + body)
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection).split()[1] == b"400"
    assert not [key for key in kept(web.store) if ":job:" in key or ":bulk" in key]
