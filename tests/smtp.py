"""A real SMTP server in the test's own process, which answers as it is told."""

import socket
import ssl
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from dev.redis_server import free_port


class Mailbox:
    """The handler: keeps what it accepts. `answers` holds the replies to come, to RCPT or to DATA; then all is well."""

    def __init__(self):
        self.messages = []
        self.envelopes = []
        self.sessions = []
        self.data_answers: list[str] = []
        self.rcpt_answers: dict[str, list[str]] = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = self.rcpt_answers.get(address)
        if answers:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.data_answers:
            return self.data_answers.pop(0)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 accepted"


class MailServer(Controller):
    """`smtp://…` or, with `implicit_tls`, `smtps://…`, on a free port of 127.0.0.1."""

    def __init__(self, mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, implicit_tls=False, login=None):
        self.login = login
        options = {}
        if login:  # aiosmtpd knows TLS only by STARTTLS, so over implicit TLS it can offer a login, not insist on it
            starttls = tls is not None and not implicit_tls
            options = {"authenticator": self.authenticate, "auth_required": starttls, "auth_require_tls": starttls}
        if tls and not implicit_tls:
            options["tls_context"] = tls
        self.smtp_options = options
        super().__init__(mailbox, hostname="127.0.0.1", port=free_port(), ssl_context=tls if implicit_tls else None)

    def factory(self):
        return SMTP(self.handler, hostname="mail.test", **self.smtp_options)

    def authenticate(self, server, session, envelope, mechanism, auth_data):
        ok = isinstance(auth_data, LoginPassword) and (
            auth_data.login.decode(), auth_data.password.decode()) == self.login
        return AuthResult(success=ok, handled=False)

    def _trigger_server(self):
        """The base class connects once to check; a TLS client would have to trust it, so only the port is tried."""
        with socket.create_connection((self.hostname, self.port), timeout=5):
            pass
