"""Heroku's Platform API, version 3: how many worker dynos there are, and should be."""

import re
from typing import NamedTuple
from urllib.parse import quote

from app.asking import Answer, ask
from app.config import Settings

#: Where the platform does not say for how long it wants to be left alone, in seconds.
PAUSE_SECONDS = 30
MOST_PAUSE_SECONDS = 300
#: Its words for it: "Cannot update to more than 1 Basic size dynos per process type." and, of those of all types
#: together, "Cannot run more than 2 Eco size dynos."
LIMIT = re.compile(r"Cannot (?:update to|run) more than ([0-9]+) ")


class Formation(NamedTuple):
    workers: int
    size: str  # "Basic", "Standard-1X"


class Busy(Exception):
    """Not now: 429, 5xx, or no answer. Worth another try in `wait` seconds."""

    def __init__(self, why: str, wait: float):
        super().__init__(why)
        self.wait = wait


class Limited(Exception):
    """Dynos of this size: no more than `most` of this type. Eco and Basic allow one."""

    def __init__(self, most: int):
        super().__init__(f"no more than {most} dynos of a type")
        self.most = most


class Refused(Exception):
    """The answer stays the same until somebody changes something: `status` and what the platform says of it."""

    def __init__(self, status: int, why: str):
        super().__init__(f"{status}: {why}")
        self.status, self.why = status, why


class Heroku:
    """Any call may raise Busy, Limited or Refused."""

    def __init__(self, settings: Settings):
        self.url = f"{settings.heroku_api_url.rstrip('/')}/apps/{quote(settings.heroku_app, safe='')}/formation/worker"
        self.headers = {"Accept": "application/vnd.heroku+json; version=3",
                        "Authorization": f"Bearer {settings.heroku_api_token}"}

    def get(self) -> Formation:
        return self._formation("GET")

    def set(self, workers: int) -> Formation:
        return self._formation("PATCH", {"quantity": workers})

    def _formation(self, method: str, body: dict | None = None) -> Formation:
        try:
            answer = ask(method, self.url, self.headers, body)
        except OSError as error:
            raise Busy(f"no answer: {error}", PAUSE_SECONDS) from None
        if answer.status in (408, 409, 425, 429) or answer.status >= 500:
            raise Busy(str(answer.status), wait(answer))
        why = str(answer.body.get("message") or "")[:300]
        if body and answer.status == 422 and (limit := LIMIT.search(why)):
            # One less in any case: of a limit for all types together, the others have their part.
            raise Limited(min(int(limit[1]), body["quantity"] - 1))
        try:
            if answer.status in (200, 202):
                return Formation(int(answer.body["quantity"]), str(answer.body.get("size") or ""))
        except (KeyError, TypeError, ValueError):
            why = "an answer without a quantity"
        raise Refused(answer.status, why)


def wait(answer: Answer) -> float:
    """Seconds that the platform wants to be left alone."""
    given = answer.headers.get("Retry-After", "")
    return min(max(1.0, float(given)), MOST_PAUSE_SECONDS) if re.fullmatch("[0-9]{1,9}", given) else PAUSE_SECONDS
