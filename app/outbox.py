"""Where mail goes without an SMTP server: the last hundred messages, for the page to show.

Keys behind the store's prefix: outbox (sorted set, id -> ms since 1970), outbox:<id> (the message, 7-bit,
without what is attached).
"""

import copy
from email.message import EmailMessage

from app.store import PREFIX, Store

KEEP = 100
#: A larger message is kept without its body, so that the outbox cannot fill the 25 MB of the smallest plan.
LARGEST = 100_000
DAYS = 7


def put(store: Store, id: str, message: EmailMessage) -> None:
    """Keep the message of a job. The same job again replaces it: in the outbox too, a mail is there once."""
    message = copy.deepcopy(message)
    for part in message.iter_attachments():  # its name and size are enough to see that it would be there
        size = len(part.get_payload(decode=True))
        part.set_payload("")
        part["X-Size"] = str(size)
    text = message.as_bytes().decode("ascii", "replace")
    if len(text) > LARGEST:
        text = text.split("\r\n\r\n", 1)[0] + "\r\n\r\n(over 100 kB: not kept)\r\n"
    pipe = store.redis.pipeline()
    pipe.set(f"{PREFIX}outbox:{id}", text, ex=DAYS * 86400)
    pipe.zadd(f"{PREFIX}outbox", {id: int(store.now() * 1000)})
    pipe.execute()
    for old in store.redis.zrange(f"{PREFIX}outbox", 0, -KEEP - 1):
        store.redis.delete(f"{PREFIX}outbox:{old}")
        store.redis.zrem(f"{PREFIX}outbox", old)


def messages(store: Store) -> list[tuple[str, int, str]]:
    """Returns (job id, ms since 1970, message) of each, newest first."""
    rows = store.redis.zrevrange(f"{PREFIX}outbox", 0, KEEP - 1, withscores=True)
    texts = store.redis.mget([f"{PREFIX}outbox:{id}" for id, _ in rows]) if rows else []
    return [(id, int(at), text) for (id, at), text in zip(rows, texts) if text]
