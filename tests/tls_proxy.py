"""A TLS door in front of a plain port, for a machine whose Redis speaks no TLS."""

import contextlib
import socket
import ssl
import threading


class TlsProxy:
    def __init__(self, target: int, certificate: str):
        self.target = target
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket):
        with contextlib.suppress(OSError):
            outside = self.context.wrap_socket(client, server_side=True)
            inside = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._copy, args=(inside, outside), daemon=True).start()
            self._copy(outside, inside)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
