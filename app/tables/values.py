"""Cells as values of their column's type."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any

from app.tables.dates import moment, month
from app.tables.layout import Column, Unreadable
from app.tables.text import written
from app.tables.types import NULLS_AMONG_TYPED, READINGS


def convert(cells: Sequence, column: Column, decimal_comma: bool) -> list:
    """The cells of one column, or of a part of it.

    Raises:
        Unreadable: one is not what the column says.
    """
    if column.type == "empty":
        return [None] * len(cells)
    if column.type == "text":
        return _each(lambda cell: written(cell) or None, cells)
    reading = _reading(column, decimal_comma)
    return _each(lambda cell: _value(cell, column.type, reading), cells)


def _each(parse: Callable[[Any], Any], cells: Sequence) -> list:
    """Each different cell is parsed once. Unless some are typed: 1, 1.0 and True would be one to a dict."""
    distinct = set(cells)
    if set(map(type, distinct)) == {str}:
        values = {cell: parse(cell) for cell in distinct}
        return [values[cell] for cell in cells]
    return [parse(cell) for cell in cells]


def _reading(column: Column, decimal_comma: bool) -> Callable[[str], Any]:
    if column.type == "boolean":
        return READINGS["boolean"]
    if column.type in ("integer", "number"):
        return READINGS["comma" if decimal_comma else "point"]
    return lambda text: moment(text, column.day_first) or month(text)


def _value(cell: Any, type: str, reading: Callable[[str], Any]) -> Any:
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in NULLS_AMONG_TYPED:
            return None
        cell = reading(text)
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    try:
        return AS[type](cell)
    except (TypeError, AttributeError):
        raise Unreadable("The file has changed since it was looked at. Upload it again.") from None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else date(value.year, value.month, value.day)


def _datetime(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.min)


AS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean, "integer": int, "number": float, "date": _date, "datetime": _datetime}
