"""How many recipients a day may get mail, counted by all workers together: MAIL_DAILY_LIMIT.

Key behind the store's prefix: mail:<n> (hash, of the n-th day since 1970 in UTC on the clock of Redis): `used`, and
`short`, the limit that a message of that day did not fit into; for two days.
"""

from app.store import PREFIX, Store

DAY_SECONDS = 86400
# Kept even where Redis is full, as a job that was accepted goes on to its end.
TAKE = """#!lua flags=allow-oom
local enough = (redis.call('HGET', KEYS[1], 'used') or 0) + ARGV[1] <= tonumber(ARGV[2])
if enough then redis.call('HINCRBY', KEYS[1], 'used', ARGV[1])
else redis.call('HSET', KEYS[1], 'short', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return enough and 1 or 0
"""


def take(store: Store, count: int, limit: int) -> str | None:
    """Count so many recipients, before they get anything. Returns what `give_back` wants, or None when `limit` leaves
    no room for them all today."""
    key = _key(store)
    return key if store.redis.eval(TAKE, 1, key, count, limit, 2 * DAY_SECONDS) else None


def give_back(store: Store, taken: str, count: int) -> None:
    """So many of them got nothing after all."""
    store.insist("HINCRBY", taken, "used", -count)


def tomorrow(store: Store) -> float:
    """When the next day begins, in seconds since 1970."""
    return (store.now() // DAY_SECONDS + 1) * DAY_SECONDS


def is_short(store: Store, limit: int) -> bool:
    """Whether a message waits for tomorrow that this limit would not let pass today either."""
    return limit <= int(store.redis.hget(_key(store), "short") or 0)


def _key(store: Store) -> str:
    return f"{PREFIX}mail:{int(store.now() // DAY_SECONDS)}"
