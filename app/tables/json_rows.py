"""JSON: a list of objects, a list of lists, an object that holds one list of objects, or an object on each line."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from app.tables import text
from app.tables.json_stream import DECODER, Stream
from app.tables.layout import Unreadable, check_width

WANTED = "A list of objects is needed, like [{\"city\": \"Bonn\", \"sales\": 3}]."


def has_lines(file: BinaryIO, encoding: str) -> bool:
    """Whether the first line is an object of its own, and the next one too: NDJSON under the name .json."""
    with text.opened(file, encoding) as opened:
        begun = filter(str.strip, iter(lambda: opened.readline(text.MAX_LINE), ""))
        try:
            return isinstance(DECODER.decode(next(begun, "")), dict) and next(begun, "").lstrip().startswith("{")
        except (ValueError, RecursionError):
            return False


def rows(file: BinaryIO, encoding: str, keys: dict[str, int]) -> Iterator[list]:
    """`keys` is filled with each key and its column, in order of appearance; it stays empty for a list of lists."""
    with text.opened(file, encoding) as opened, _not_too_deep():
        stream = Stream(opened)
        if stream.take("["):
            yield from _rows(stream, keys)
        elif stream.take("{"):
            yield from _held(stream, keys)
        elif stream.peek():
            raise Unreadable(f"The file is not JSON, or not a table. {WANTED}")
        if stream.peek():
            raise stream.wrong()


def ndjson_rows(file: BinaryIO, encoding: str, keys: dict[str, int]) -> Iterator[list]:
    """The same for a file with an object on each line."""
    with text.opened(file, encoding) as opened, _not_too_deep():
        for number, line in enumerate(text.lines(opened), 1):
            yield _record(_object(line, number), keys) if line.strip() else []


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        record = DECODER.decode(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise Unreadable(f"Line {number:,} is not a JSON object. Each line must be one, "
                         "like {\"city\": \"Bonn\", \"sales\": 3}.")
    return record


@contextmanager
def _not_too_deep() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise Unreadable("The file's JSON is nested too deeply to be a table. Export a list of objects.") from None


def _rows(stream: Stream, keys: dict[str, int]) -> Iterator[list]:
    """The list whose bracket has been read. Its first item decides what all of them are."""
    wanted = {"{": dict, "[": list}.get(stream.peek())
    for item in _items(stream):
        if wanted is None or not isinstance(item, wanted):
            raise Unreadable(f"The file's list is not a table: its items are not all objects. {WANTED}")
        yield _record(item, keys) if wanted is dict else _list(item)


def _items(stream: Stream) -> Iterator[Any]:
    if stream.take("]"):
        return
    yield stream.value()
    while not stream.take("]"):
        stream.expect(",")
        yield stream.value()


def _held(stream: Stream, keys: dict[str, int]) -> Iterator[list]:
    """The one list of objects among the members of the object whose brace has been read."""
    found = False
    more = not stream.take("}")
    while more:
        if not isinstance(stream.value(), str):
            raise stream.wrong()
        stream.expect(":")
        if not stream.take("["):
            stream.value()
        elif stream.peek() != "{":
            deque(_items(stream), maxlen=0)
        elif found:
            raise Unreadable("The file holds more than one list of objects. Export the one that you need alone.")
        else:
            found = True
            yield from _rows(stream, keys)
        more = stream.take(",")
        if not more:
            stream.expect("}")
    if not found:
        raise Unreadable(f"The file is one object without a list of objects in it. {WANTED}")


def _record(record: dict[str, Any], keys: dict[str, int]) -> list:
    """Its row; [] when it is blank."""
    flat = dict(_flat(record, "")) if dict in map(type, record.values()) else record
    for key in flat:
        if key not in keys:
            keys[key] = len(keys)
            check_width(len(keys))
    return _list(map(flat.get, keys))


def _list(values: Iterable) -> list:
    row = [_cell(value) for value in values]
    check_width(len(row))
    return row if row.count("") < len(row) else []


def _flat(record: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _cell(value: Any) -> Any:
    """"" is an empty cell, whatever the format. What is no single value stays JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
