"""A door in front of a plain port, which a test may bar, hold shut and slow while connections are open."""

import contextlib
import socket
import threading
import time

#: The two ways through the door.
IN, OUT = "to the server", "from the server"


class Proxy:
    def __init__(self, target: int):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.barred = False
        self.delay = 0.0  # seconds, of whatever passes
        self.ways = {IN: threading.Event(), OUT: threading.Event()}
        self.sockets: set[socket.socket] = set()
        self.free()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def bar(self) -> None:
        """Cut every connection, and each that comes."""
        self.barred = True
        for end in list(self.sockets):
            _hang_up(end)

    def hold(self, *ways: str) -> None:
        """Nothing goes through this way; it arrives when the door is free again."""
        for way in ways:
            self.ways[way].clear()

    def free(self) -> None:
        self.barred, self.delay = False, 0.0
        for way in self.ways.values():
            way.set()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket):
        with contextlib.suppress(OSError):
            if self.barred:
                return _hang_up(client)
            outside = self.dress(client)
            inside = socket.create_connection(("127.0.0.1", self.target))
            for end in (outside, inside):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets |= {outside, inside}
            threading.Thread(target=self._copy, args=(inside, outside, OUT), daemon=True).start()
            return self._copy(outside, inside, IN)
        _hang_up(client)

    def dress(self, client: socket.socket) -> socket.socket:
        return client

    def _copy(self, source: socket.socket, sink: socket.socket, way: str):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                self.ways[way].wait()
                sink.sendall(data)
        for end in (source, sink):
            _hang_up(end)
            self.sockets.discard(end)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
