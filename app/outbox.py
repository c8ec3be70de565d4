"""Where mail goes without an SMTP server: the last hundred messages, for the page to show.

Keys behind the store's prefix: outbox (sorted set, id -> ms since 1970), outbox:<id> (the message, 7-bit). The
message is as it would be sent, but for what is attached: of that, its size (X-Size) and its file (X-File) are kept.
"""

import copy
import email
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

from app.store import PREFIX, Store

KEEP = 100
#: A larger message is kept without its body, so that the outbox cannot fill the 25 MB of the smallest plan.
LARGEST = 100_000
DAYS = 7


class Mail(NamedTuple):
    """The message has headers of ours: X-Envelope-To, and X-Too-Large when its body was not kept."""

    id: str  # of its job
    at: int  # ms since 1970
    message: EmailMessage


def put(store: Store, id: str, message: EmailMessage, recipients: list[str], files: list[str]) -> None:
    """Keep the message of a job. The same job again replaces it: in the outbox too, a mail is there once.

    Args:
        recipients: all of them, also those whom no header names (bcc).
        files: of each attachment its id in app.files.
    """
    message = copy.deepcopy(message)
    message["X-Envelope-To"] = ", ".join(recipients)
    for part, file in zip(message.iter_attachments(), files, strict=True):
        part["X-Size"], part["X-File"] = str(len(part.get_payload(decode=True))), file
        part.set_payload("")
    text = _small(message).as_bytes().decode("ascii", "replace")
    store.insist("SET", f"{PREFIX}outbox:{id}", text, "EX", DAYS * 86400)
    store.insist("ZADD", f"{PREFIX}outbox", int(store.now() * 1000), id)
    for old in store.redis.zrange(f"{PREFIX}outbox", 0, -KEEP - 1):
        store.redis.delete(f"{PREFIX}outbox:{old}")
        store.redis.zrem(f"{PREFIX}outbox", old)


def _small(message: EmailMessage) -> EmailMessage:
    if len(message.as_bytes()) > LARGEST:
        message["X-Too-Large"] = "yes"
        for part in message.walk():
            if not part.is_multipart():
                part.set_payload("")
    return message


def mails(store: Store) -> list[Mail]:
    """Newest first."""
    rows = store.redis.zrevrange(f"{PREFIX}outbox", 0, KEEP - 1, withscores=True)
    texts = store.redis.mget([f"{PREFIX}outbox:{id}" for id, _ in rows]) if rows else []
    return [_mail(id, at, text) for (id, at), text in zip(rows, texts) if text]


def find(store: Store, id: str) -> Mail | None:
    at, text = store.redis.zscore(f"{PREFIX}outbox", id), store.redis.get(f"{PREFIX}outbox:{id}")
    return _mail(id, at, text) if at and text else None


def _mail(id: str, at: float, text: str) -> Mail:
    return Mail(id, int(at), email.message_from_string(text, policy=default))
