"""The session of the page: a signed cookie that says which token opened it, and when. What that token may, it may.

It ends SECONDS after the sign-in, with its token, and by signing out. Key behind the store's prefix:
ended:<id>  string, for as long as a copy of the cookie of a session that was signed out of could come back
"""

import secrets
import time

from flask import current_app, session

from app.store import PREFIX
from app.web import tokens

SECONDS = 7 * 86400


def begin(token: str) -> None:
    """Nothing of what the cookie held before stays."""
    session.clear()
    session.update(id=secrets.token_hex(16), token=tokens.digest(token), since=int(time.time()))


def current() -> tuple[str | None, str | None]:
    """The role of who sends this request, and the session's id; None without one."""
    id = session.get("id")
    if not id or time.time() - session["since"] > SECONDS:
        return None, None
    role = tokens.role(session["token"])
    if role is None or _redis().exists(f"{PREFIX}ended:{id}"):
        return None, None
    return role, id


def end() -> None:
    id = session.pop("id")
    session.clear()  # of this browser, whatever Redis says
    current_app.extensions["store"].insist("SET", f"{PREFIX}ended:{id}", "", "EX", SECONDS)


def _redis():
    return current_app.extensions["store"].redis
