"""Clients that are slow to send, or say nothing, against a real gunicorn: others are served all the same."""

import socket
import threading
import time
import urllib.request
from contextlib import ExitStack
from io import BytesIO

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


def test_a_head_has_ten_seconds_though_nobody_else_wants_the_thread(web):
    began = time.monotonic()
    with connect(web) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert b"200" not in everything(connection)
    assert 9 < time.monotonic() - began < 15


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


FORM = "application/x-www-form-urlencoded"


def said_before_it_comes(web, path: str, length: int) -> bytes:
    """The status, when the body of a form of nobody's is yet to come."""
    with connect(web) as connection:
        connection.sendall(head(path, length, type=FORM))
        return everything(connection).split()[1]


def test_a_form_of_who_is_not_signed_in_is_not_read(web):
    assert said_before_it_comes(web, "/actions", 200_000) == b"302"


def test_a_sign_in_is_not_read_when_it_is_too_large_or_too_many_were_wrong(web):
    assert said_before_it_comes(web, "/sign-in", 5000) == b"413"
    for _ in range(10):
        with connect(web) as connection:
            connection.sendall(head("/sign-in", 7, type=FORM) + b"token=x")
            assert connection.recv(100).split()[1] == b"401"
    assert said_before_it_comes(web, "/sign-in", 100) == b"429"


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


def send_slowly(connection, begin: bytes, body: bytes, bytes_per_second: int, answers: list[bytes]):
    connection.sendall(begin)
    try:
        for at in range(0, len(body), bytes_per_second // 20):
            connection.sendall(body[at:at + bytes_per_second // 20])
            time.sleep(0.05)
    except OSError:  # it was cut off
        pass
    answers.append(connection.recv(100).split()[1])


def test_more_bodies_than_may_be_slow_are_read_to_their_end_when_they_come_fast_enough(web):
    body, answers = b'{"kind": "sample", "params": {"label": "x"}}'.ljust(80_000), []
    with ExitStack() as stack:
        senders = [threading.Thread(target=send_slowly, args=(
            stack.enter_context(connect(web)), head(length=len(body)), body, 40_000, answers))
            for _ in range(THREADS - 4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert answers == [b"202"] * len(senders)


def large(web) -> bytes:
    """Asks for a file that fills the buffers in between."""
    file = web.celery.files.put("a.bin", "application/octet-stream", BytesIO(bytes(9_000_000)), most_mb=9, limit="")
    web.store.submit("large", "sample", "{}", queue="default")
    run = web.store.start("large", "w", 60, "sample", "{}", 1, "default")
    web.store.settle("large", run.token, "w", "succeeded", result={"file": {"id": file.id}})
    return b"GET /api/jobs/large/result HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test-token\r\n\r\n"


def test_others_are_served_again_when_nobody_reads_what_as_many_asked_for_as_there_are_threads(web):
    asked = large(web)
    with ExitStack() as stack:
        for _ in range(THREADS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.connect(("127.0.0.1", web.port))
            connection.sendall(asked)
        time.sleep(2)
        wait_for(lambda: answered(web), 60, "an answer")
    assert "Traceback" not in web.processes[0].text()


def answered(web) -> bool:
    try:
        return served(web) == 200
    except OSError:  # not in time
        return False


def test_a_slow_body_that_keeps_coming_is_waited_for(web):
    body = b'{"kind": "sample", "params": {"label": "slow"}}'
    with connect(web) as connection:
        connection.sendall(head(length=len(body)))
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
        assert connection.recv(100).split()[1] == b"202"
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = b""
        while b"HTTP/1.1 200" not in told:  # the connection stays
            told += connection.recv(65536) or pytest.fail("it was closed")


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
