"""A real HTTP server in the test's own process, which keeps what it gets and answers as it is told."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Got(NamedTuple):
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


class Receiver:
    """`got` is what came; `answers` holds the statuses to come, each with its headers; then all is well."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.got: list[Got] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append(Got(self.path, headers, body))
                answer, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                receiver.may_answer.wait(60)
                with suppress(OSError):  # who asked may be gone
                    self.send_response(answer)
                    for header in headers.items():
                        self.send_header(*header)
                    self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that did not like our certificate
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def end(self):
        self.may_answer.set()
        self.server.shutdown()
        self.server.server_close()


class Rude:
    """A server that does as it likes with each connection, until its other end hangs up.

    Args:
        manners: called with the connected socket; an OSError ends it quietly.
    """

    def __init__(self, manners: Callable[[socket.socket], None]):
        self.manners = manners
        self.left = threading.Event()  # somebody was there, and has hung up
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket):
        with closing(connection), suppress(OSError):
            self.manners(connection)
        self.left.set()

    def end(self):
        self.listener.close()
