"""gunicorn's worker with threads, and clients that are slow to send: none of them is waited for without end, and all of
them together keep no more than half of the threads from others. What they get instead is 408, or nothing.

Without this, as many connections as there are threads, each sending a byte now and then, are enough to keep everybody
else out. Knows the inside of gunicorn's gthread; tests/live/test_slow.py tells when that has changed.
"""

import socket
import time
from contextlib import contextmanager, suppress

from gunicorn import util
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.workers import gthread
from werkzeug.exceptions import ClientDisconnected, RequestTimeout

# A new connection that says nothing, and the rest of a body that was refused, have a thread for so long, not for 5 s.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.1

#: Seconds for the line of a request and its headers; and for a body, which gets more as long as it comes at this rate.
HEAD_SECONDS, BODY_SECONDS, BYTES_PER_SECOND = 10, 20, 10_000
#: From so many seconds on a client is slow.
SLOW_SECONDS = 0.2
#: Clients are looked at so often; one that was answered has so long to close its end.
LOOK_SECONDS, CLOSE_SECONDS = 0.1, 0.3


class Wait:
    """What a thread waits for."""

    def __init__(self, sock: socket.socket, seconds: float):
        self.sock, self.allowed = sock, seconds
        self.bytes, self.spent, self.cut = 0, 0.0, False
        self.since: float | None = None

    def seconds(self) -> float:
        since = self.since  # its own thread may end the wait meanwhile
        return self.spent + (time.monotonic() - since if since else 0)

    def late(self) -> bool:
        return self.seconds() > self.allowed + self.bytes / BYTES_PER_SECOND

    def end(self) -> None:
        """The thread reads that there is no more."""
        self.cut = True
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)


class Worker(gthread.ThreadWorker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.heads: dict[gthread.TConn, Wait] = {}
        self.waits: dict[Wait, None] = {}  # whose threads wait right now

    def handle(self, conn):
        """In a thread: all of a request, its head first."""
        head = self.heads[conn] = Wait(conn.sock, HEAD_SECONDS)
        try:
            with self.waiting(head):
                again = super().handle(conn)
        finally:
            self.heads.pop(conn, None)
        if again is False:  # gunicorn would do this in the thread that takes all connections, and take longer
            util.close_graceful(conn.sock, CLOSE_SECONDS)
        return again

    def handle_request(self, req, conn):
        self.waits.pop(self.heads.pop(conn, None), None)
        reader, req.body.reader = req.body.reader, Reader(req.body.reader, Wait(conn.sock, BODY_SECONDS), self)
        try:
            return super().handle_request(req, conn)
        finally:
            req.body.reader = reader

    def wait_for_and_dispatch_events(self, timeout):
        """In the main thread, again and again."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS))
        slow = [wait for wait in list(self.waits) if wait.seconds() > SLOW_SECONDS]
        slow.sort(key=lambda wait: wait.bytes / wait.seconds())
        for place, wait in enumerate(slow):
            if wait.late() or place < len(slow) - self.cfg.threads // 2:
                wait.end()

    @contextmanager
    def waiting(self, wait: Wait):
        wait.since = time.monotonic()
        self.waits[wait] = None
        try:
            yield
        finally:
            self.waits.pop(wait, None)
            wait.spent, wait.since = wait.seconds(), None


class Reader:
    """Of a body; around gunicorn's, as long as the app may read. Raises RequestTimeout, ClientDisconnected."""

    def __init__(self, reader, wait: Wait, worker: Worker):
        self.reader, self.wait, self.worker = reader, wait, worker

    def read(self, size: int) -> bytes:
        missing = min(size, getattr(self.reader, "length", 0))
        try:
            with self.worker.waiting(self.wait):
                data = self.reader.read(size)
        except (ParseException, NoMoreData):  # of chunks, which are only read now
            raise ClientDisconnected("The body is not in chunks, as its headers say.") from None
        finally:
            if self.wait.cut:
                raise RequestTimeout("The body came too slowly.")
        if len(data) < missing:  # gunicorn would give half a body for a whole one
            raise ClientDisconnected
        self.wait.bytes += len(data)
        return data
