"""Values as text for a person to read: one place for PDF, HTML, email and charts."""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from app.report.document import NUMERIC, Document, Type, Value

#: Control characters but line break and tab, halves of surrogate pairs and what XML has no place for.
UNPRINTABLE = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), 0xFFFE, 0xFFFF]) | dict.fromkeys(
    range(0xD800, 0xE000), "\ufffd")


def missing(value: Value) -> bool:
    """None, but also what is no number, date or finite: NaN, NaT, infinities."""
    return value is None or value != value or (isinstance(value, float) and math.isinf(value))


def clean(text: str) -> str:
    """Without the characters that no file may hold."""
    if text.isprintable():
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(UNPRINTABLE)


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length - 1].rstrip() + "…"


def made(document: Document) -> str:
    at = document.made_at.astimezone(UTC) if document.made_at.tzinfo else document.made_at
    return f"Made {at.day} {at:%B %Y, %H:%M} UTC from {clean(document.source)}"


def text(value: Value, type: Type) -> str:
    """A value that stands alone."""
    return shower(type, [value])(value)


def shower(type: Type, values: Iterable[Value]) -> Callable[[Value], str]:
    """How a column shows its values: numbers with the same decimals all the way down. Nothing is an empty text."""
    decimals = places(type, values)

    def show(value: Value) -> str:
        if missing(value):
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            return _number(value, type, decimals)
        if isinstance(value, date):
            return _date(value, type)
        return clean(str(value))

    return show


def places(type: Type, values: Iterable[Value]) -> int:
    """Decimals that these numbers need: at most 2 (percent: 1), or 4 significant digits where all are below 1."""
    if type not in NUMERIC or type == "seconds":
        return 0
    scale, most = (100, 1) if type == "percent" else (1, 2)
    numbers = [abs(value) * scale for value in values if isinstance(value, int | float) and not missing(value)]
    largest = max(numbers, default=0)
    if 0 < largest < 1:
        most = _significant(largest)
    return max((len(f"{number:.{most}f}".rstrip("0").partition(".")[2]) for number in numbers), default=0)


def _significant(number: float) -> int:
    """Decimals for 4 significant digits of a number below 1, or as many as a person reads."""
    return min(8, 3 - math.floor(math.log10(abs(number))))


def _number(value: int | float, type: Type, decimals: int) -> str:
    if type == "code":
        return f"{value:.0f}"
    if type == "seconds":
        return _seconds(value)
    if type == "percent":
        return _decimal(value * 100, decimals) + " %"
    return _decimal(value, decimals)


def _decimal(value: int | float, decimals: int) -> str:
    if isinstance(value, int) and not decimals:
        return f"{value:,}"
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-6:
        return f"{value:.4g}"
    if 0 < abs(value) < 0.5 / 10 ** decimals:  # a small one among large ones: better odd than a false 0.00
        return f"{value:.{_significant(value)}f}".rstrip("0")
    return f"{value or 0:,.{decimals}f}"  # `or 0`: -0.0 is 0


def _seconds(value: int | float) -> str:
    if value < 0:
        return "-" + _seconds(-value)
    if value < 1:
        return _decimal(float(value), places("number", [value])) + " s"
    if round(value, 1) < 60:
        return f"{value:.1f}".removesuffix(".0") + " s"
    if round(value) < 3600:
        return f"{round(value) // 60} min {round(value) % 60} s"
    minutes = round(value / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def _date(value: date, type: Type) -> str:
    if type == "date" or not isinstance(value, datetime):
        return value.isoformat()[:10]
    return value.replace(tzinfo=None).isoformat(" ", "minutes")
