"""A TLS door in front of a plain port, for a machine whose Redis speaks no TLS."""

import socket
import ssl

from tests.proxy import Proxy


class TlsProxy(Proxy):
    def __init__(self, target: int, certificate: str):
        super().__init__(target)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate)

    def dress(self, client: socket.socket) -> ssl.SSLSocket:
        return self.context.wrap_socket(client, server_side=True)
