"""How often somebody may ask. Counted in Redis, so for all web processes together, in windows that begin with the
first request: the cheapest way, one command; who hurries at the end of one and the beginning of the next gets twice.

Keys behind the store's prefix:
limits:…  number of requests, until the window ends: of a token, a session, or an address
"""

import math
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from werkzeug.exceptions import TooManyRequests

from app.store import PREFIX

#: Of one address: bearer tokens that are none, and wrong tokens at the sign-in.
BEARERS = RateLimitItemPerMinute(60, namespace="bearer")
SIGN_INS = (RateLimitItemPerMinute(10, namespace="sign-in"), RateLimitItemPerHour(100, namespace="sign-in"))


def start(flask: Flask) -> None:
    """On the one connection to Redis that this process has."""
    pool = flask.extensions["store"].redis.connection_pool
    storage = RedisStorage(flask.extensions["settings"].redis_url, pool, key_prefix=f"{PREFIX}limits")
    flask.extensions["limiter"] = FixedWindowRateLimiter(storage)


def count(caller: str) -> None:
    """One request more. Raises TooManyRequests."""
    if most := current_app.extensions["settings"].rate_limit:
        limit = RateLimitItemPerMinute(most, namespace="all")
        if not _hit(limit, caller):
            raise _refusal(f"More than {most} requests a minute (RATE_LIMIT).", limit, caller)


def count_wrong() -> None:
    """One wrong bearer token more. Raises TooManyRequests."""
    if not _hit(BEARERS, address()):
        raise _refusal("Too many wrong tokens.", BEARERS, address())


def may_guess() -> None:
    """Before anything of a try to sign in is read. Raises TooManyRequests."""
    _sign_in(current_app.extensions["limiter"].test)


def guess(right: bool) -> None:
    """One try to sign in; only a wrong one counts. After too many, the right token is refused as well, or it could be
    told from the others. Raises TooManyRequests."""
    _sign_in(current_app.extensions["limiter"].test if right else _hit)


def address() -> str:
    """Of the client. Of IPv6 the /64, as whoever has one of these has all."""
    given = request.remote_addr or ""
    try:
        ip = ip_address(given)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return str(ip if ip.version == 4 else ip_network(f"{ip}/64", strict=False))
    except ValueError:  # it stands in a header
        return given[:64]


def _sign_in(may: Callable[[RateLimitItem, str], bool]) -> None:
    for limit in SIGN_INS:
        if not may(limit, address()):
            raise _refusal("Too many wrong tokens.", limit, address())


def _hit(limit: RateLimitItem, who: str) -> bool:
    try:
        return current_app.extensions["limiter"].hit(limit, who)
    except (OutOfMemoryError, ReadOnlyError):  # who makes room, and who looks, must be let in
        return True


def _refusal(sentence: str, limit: RateLimitItem, who: str) -> TooManyRequests:
    stats = current_app.extensions["limiter"].get_window_stats(limit, who)
    seconds = max(1, math.ceil(stats.reset_time - time.time()))
    return TooManyRequests(f"{sentence} Try again in {seconds} s.", retry_after=seconds)
