"""A line in the log for each change that somebody asked for: what, by which way, from where, and the ids that it is
about, never what they hold."""

import logging
import re
import uuid

from flask import g, request

from app.web.auth import is_api

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Who asked, in the record and the log: a program, or a person.
API, PAGE = "api", "page"
#: Of many ids, so many are named.
NAMED = 10


def audit(action: str, *ids: str) -> None:
    """Args: ids: of jobs, a schedule, an upload; at the sign-in the role."""
    some = ", ".join(map(repr, ids[:NAMED])) + (f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else "")
    logger.info("%s: asked for by the %s from %s, request %s: %s", action, API if is_api() else PAGE,
                request.remote_addr, request_id(), some)


def request_id() -> str:
    """The router's id of this request, if it looks like one, else our own."""
    given = request.headers.get("X-Request-ID", "")
    return given if REQUEST_ID.fullmatch(given) else g.setdefault("request_id", str(uuid.uuid4()))
