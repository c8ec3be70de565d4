"""One JSON call to a service of somebody else. http.client follows no redirect, which would get the token too."""

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

#: For each step of a call: to connect, to send, to get the answer.
SECONDS = 5
MOST_BYTES = 100_000


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: dict  # {} where it is no JSON object


def ask(method: str, url: str, headers: dict[str, str], body: dict | None = None) -> Answer:
    """Raises OSError when there is no answer."""
    parts = urlsplit(url)
    connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connection(parts.hostname, parts.port, timeout=SECONDS)) as http:
        try:
            http.request(method, parts.path, json.dumps(body) if body is not None else None,
                         {"Content-Type": "application/json"} | headers)
            answer = http.getresponse()
            return Answer(answer.status, answer.headers, _object(answer.read(MOST_BYTES)))
        except HTTPException as error:
            raise OSError(f"no answer that HTTP knows: {error!r}") from None


def _object(text: bytes) -> dict:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
