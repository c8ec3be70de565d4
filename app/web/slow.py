"""gunicorn's worker with threads, and clients that are slow to send: none of them is waited for without end, and all of
them together keep no more than half of the threads from others. What they get instead is 408, or nothing. Who takes
nothing of an answer for SEND_SECONDS is left. Not stopped: who takes a byte of it now and then, which a router in
front spares us, and many who send faster than BYTES_PER_SECOND.

Without this, as many connections as there are threads, each sending a byte now and then, are enough to keep everybody
else out. Knows the inside of gunicorn's gthread; tests/live/test_slow.py tells when that has changed.
"""

import errno
import socket
import struct
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
#: A client takes something of its answer at least so often.
SEND_SECONDS = 10
#: From so many seconds on a client is slow.
SLOW_SECONDS = 0.2
#: A body is read, and counted, in steps of so many bytes: who sends fast enough has sent one before it counts as slow.
STEP = int(BYTES_PER_SECOND * SLOW_SECONDS)
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

    def rate(self) -> float:
        """Bytes a second, while it was waited for."""
        return self.bytes / self.seconds()

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
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
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
        except BlockingIOError:  # SEND_SECONDS are over: to gunicorn as if the client had gone
            raise OSError(errno.EPIPE, "The client takes nothing of its answer.") from None
        finally:
            req.body.reader = reader

    def wait_for_and_dispatch_events(self, timeout):
        """In the main thread, again and again."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS))
        slow = [wait for wait in list(self.waits) if wait.seconds() > SLOW_SECONDS]
        slow.sort(key=Wait.rate)
        for place, wait in enumerate(slow):
            too_many = place < len(slow) - self.cfg.threads // 2
            if wait.late() or too_many and wait.rate() < BYTES_PER_SECOND:
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
        size = min(size, STEP)
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
