"""GET /api/events: each change of a job's state, as server-sent events."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import ServiceUnavailable

from app import events, states
from app.connections import UNAVAILABLE
from app.record import iso
from app.store import Store
from app.web.api import store
from app.web.problems import BadInput, bad_input

blueprint = Blueprint("events", __name__, url_prefix="/api/events")
blueprint.register_error_handler(BadInput, bad_input)

#: Each stream has a thread of the sixteen of its process, so no more than so many at a time.
MOST_STREAMS = 4
#: Redis is asked so often whether there is news: a blocking read would need a connection for each stream.
LOOK_SECONDS = 0.5
#: A word now and then, as the router hangs up after 55 s without one.
QUIET_SECONDS = 15
#: A stream ends after so long, and its client comes again by itself: each request is checked for its token.
LONGEST_SECONDS = 600
AT_A_TIME = 500
ID = re.compile(r"[0-9]{1,18}-[0-9]{1,18}")

streams = threading.BoundedSemaphore(MOST_STREAMS)


@blueprint.get("")
def stream():
    """The changes of jobs' states as they happen, as server-sent events; with Last-Event-ID those since that one.

    The event is named after the state; one named "gap" says that some between are no longer kept.
    """
    last, seconds = request.headers.get("Last-Event-ID", ""), request.args.get("seconds", str(LONGEST_SECONDS))
    state, kind = request.args.get("state") or None, request.args.get("kind") or None
    if state and state not in states.ALL:
        raise BadInput(("state", f"is none of {', '.join(states.ALL)}"))
    if last and not ID.fullmatch(last):
        raise BadInput(("Last-Event-ID", "is none that this API gave out"))
    if not re.fullmatch("[0-9]{1,3}", seconds) or int(seconds) > LONGEST_SECONDS:
        raise BadInput(("seconds", f"must be a number from 0 to {LONGEST_SECONDS}"))
    begin, gap = events.position(store(), last)
    if not streams.acquire(blocking=False):
        raise ServiceUnavailable(f"{MOST_STREAMS} streams are open already; try again.", retry_after=10)
    alive, client = current_app.extensions["alive"], request.environ.get("gunicorn.socket")
    told = _told(store(), begin, gap, {"state": state, "kind": kind}, int(seconds),
                 lambda: alive() and not (client and _hung_up(client)))
    answer = Response(told, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})
    answer.call_on_close(streams.release)
    return answer


def _hung_up(client: socket.socket) -> bool:
    """Else it would be known at the next word to it, and others kept out until then."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _told(store: Store, last: str, gap: bool, wish: dict, seconds: float, wanted: Callable[[], bool]) -> Iterator[str]:
    began = said = monotonic()
    yield f"retry: 2000\nid: {last}\n" + ("event: gap\ndata: {}\n\n" if gap else "\n")
    while True:
        try:
            rows = events.since(store, last, AT_A_TIME)
        except UNAVAILABLE:
            return  # the client comes again, and is told how it stands
        for last, event in rows:
            if all(value in (None, event[name]) for name, value in wish.items()):
                yield _event(last, event)
                said = monotonic()
        if len(rows) == AT_A_TIME:
            continue
        if monotonic() - began >= seconds or not wanted():
            return
        if monotonic() - said >= QUIET_SECONDS:
            yield f"id: {last}\n\n"
            said = monotonic()
        sleep(LOOK_SECONDS)


def _event(id: str, event: dict) -> str:
    data = {"id": event["id"], "kind": event["kind"], "state": event["state"], "attempt": int(event["attempt"]),
            "at": iso(event["at"])}
    return f"id: {id}\nevent: {event['state']}\ndata: {json.dumps(data)}\n\n"
