"""A line in the log for each change that somebody asked for: what, by which way, from where, and the ids that it is
about, never what they hold. For a new job that is the line of its being accepted."""

import logging

from flask import request

from app import lines

logger = logging.getLogger(__name__)

#: Who asked, in the record and the log: a program, or a person.
API, PAGE = "api", "page"


def audit(action: str, *jobs: str, **of: str) -> None:
    """Args: of: what it is about when that is no job: `schedule`, `file`, `role`."""
    lines.event(logger, action, **(of or lines.of(jobs)))


def request_id() -> str:
    """See edge.named."""
    return request.headers["X-Request-ID"]
