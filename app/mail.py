"""Mail: one message to an SMTP server, and what its answers mean. Knows nothing of jobs."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

#: Seconds for each step of the SMTP conversation; RFC 5321 would allow minutes, a dyno has 30 s to stop.
TIMEOUT_SECONDS = 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Refused(Exception):
    """Final: trying again would get the same answer."""


class Undelivered(Exception):
    """Not now: the server is away or asks to come back. The job is tried again."""


class Attachment(NamedTuple):
    name: str
    type: str
    content: bytes


def compose(*, message_id: str, sender: str, to: list[str], subject: str, text: str | None, html: str | None,
            reply_to: str | None = None, cc: list[str] = (), attachments: list[Attachment] = (),
            request_id: str = "") -> EmailMessage:
    """Raises ValueError when a header would hold a line break."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["Message-ID"] = message_id
    if request_id:
        message["X-Request-ID"] = request_id
    message["From"] = sender
    message["To"] = ", ".join(to)
    if cc:
        message["Cc"] = ", ".join(cc)
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = subject
    if text is not None:
        message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html") if text is not None else message.set_content(html, subtype="html")
    for name, type, content in attachments:
        maintype, _, subtype = type.partition(";")[0].lower().partition("/")
        if maintype in ("message", "multipart"):  # who gets it would read our base64 as its parts
            maintype, subtype = "application", "octet-stream"
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


@contextmanager
def session(url: str) -> Iterator[smtplib.SMTP]:
    """A logged-in connection to `smtp://user:password@host:port` (STARTTLS when offered) or `smtps://…`.

    Raises:
        Refused, Undelivered: also in place of what smtplib raises inside the `with`.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            smtp = smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(parts.hostname, parts.port or 587, timeout=TIMEOUT_SECONDS)
        with smtp:
            if parts.scheme == "smtp":
                smtp.ehlo()
                if smtp.has_extn("starttls"):
                    smtp.starttls(context=context)
                elif parts.username and parts.hostname not in LOOPBACK:
                    raise Refused("The mail server offers no STARTTLS, and the password is not sent in the clear. "
                                  "Use smtps://, or a server that offers it.")
            if parts.username:
                smtp.login(unquote(parts.username), unquote(parts.password or ""))
            yield smtp
    except smtplib.SMTPRecipientsRefused:
        raise  # each recipient has an answer of its own; send() reads them
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(f"The mail server cannot do this: {error}") from error
    except OSError as error:  # all other errors of smtplib, sockets, TLS and name look-up
        raise Undelivered(f"The mail server is out of reach: {error}") from error


def send(smtp: smtplib.SMTP, message: EmailMessage, sender: str, recipients: list[str]) -> dict[str, tuple[int, str]]:
    """Hand the message over. Returns the refused recipients, each with the server's code and words."""
    try:
        refused = smtp.send_message(message, sender, recipients)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    return {address: (code, _words(text)) for address, (code, text) in refused.items()}


def _by_code(code: int, text: bytes | str) -> Exception:
    return (Refused if code >= 500 else Undelivered)(f"The mail server said {code} {_words(text)}")


def _words(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
