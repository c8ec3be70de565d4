"""JSON that somebody sent: a body, a line of a bulk, a field of a form."""

import json
import math

from werkzeug.exceptions import BadRequest

from app.record import deeper
from app.web.problems import BadInput

#: Objects and lists in one another.
DEEPEST = 32
#: What kombu writes a date or a decimal as. Of another __type__ than it knows, no worker could read the message.
KOMBU = {"__type__", "__value__"}


def parsed(text: bytes | str) -> object:
    """What is read here, every reader of ours can read: Celery, Lua, pydantic and browsers.

    Raises:
        BadRequest: it is no JSON.
        BadInput: no job can hold it.
    """
    try:
        value = json.loads(text, parse_constant=no_json, parse_float=number, object_hook=plain)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadInput(("body", "holds half of a surrogate pair, which is no character")) from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is no JSON: {error}.") from None
    if deeper(value, DEEPEST):
        raise BadInput(("body", f"is nested more than {DEEPEST} levels deep"))
    return value


def no_json(name: str):
    raise ValueError(f"{name} is no number of JSON")


def number(text: str) -> int | float:
    """In JSON Schema 5.0 is an integer too, and some clients write so."""
    value = float(text)
    if math.isinf(value):
        raise BadInput(("body", f"has a number that is too large, {text[:20]}"))
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def plain(value: dict) -> dict:
    if value.keys() == KOMBU:
        raise BadInput(("body", "has an object of __type__ and __value__ alone, which has a meaning of its own here"))
    return value
