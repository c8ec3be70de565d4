"""Which type a column has: found out while its cells pass by, a chunk at a time, and decided for the whole file."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any

from app.tables.dates import is_undecided, moment, month
from app.tables.layout import Column
from app.tables.numbers import number
from app.tables.odd import Odd

_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
#: Words for "no value", in small letters. A column of text keeps them: NA is Namibia there.
NULLS = frozenset(["", "null", "n/a", "na", "#n/a", "nan"])
#: Among numbers, dates and booleans these too: a dash, and what Excel writes for an error.
NULLS_AMONG_TYPED = NULLS | {"-", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"}
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}

#: What a cell's text may be read as. Each gives None for what it cannot read.
READINGS: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: BOOLEANS.get(text.lower()),
    "point": lambda text: number(text, "."),
    "comma": lambda text: number(text, ","),
    "day first": lambda text: moment(text, day_first=True),
    "month first": lambda text: moment(text, day_first=False),
    "month": month,
}
NUMBERS, DATES = {"point", "comma"}, {"day first", "month first"}
#: What text may be read as where the format has numbers and booleans of its own. Text that looks like one is meant as
#: text then: 50667 is a zip code. But in JSON a number with a fraction is often sent as text, to keep it exact.
TEXT_OF_XLSX = {name: READINGS[name] for name in (*DATES, "month")}
TEXT_OF_JSON = TEXT_OF_XLSX | {"point": lambda text: number(text, ".") if _FRACTION.fullmatch(text) else None}
TEXT = {"csv": READINGS, "xlsx": TEXT_OF_XLSX, "json": TEXT_OF_JSON, "ndjson": TEXT_OF_JSON}
#: The same for cells that have a type in the file. Others, like a time of day, are shown as text.
FITTING = {bool: {"boolean"}, int: NUMBERS, float: NUMBERS, date: DATES, datetime: DATES}
FITTING_TYPES = {reading: {type for type in FITTING if reading in FITTING[type]} for reading in READINGS}


class Guess:
    """What one column can still be. It begins as everything, and loses what a cell does not fit."""

    def __init__(self, format: str):
        self.readings = TEXT[format]
        self.can = set(READINGS)
        #: Those that were lost to a few cells only.
        self.nearly: dict[str, Odd] = {}
        #: A date that is another one with the month first.
        self.undecided = ""
        self.values = 0
        #: Those under which a value had a fraction or a time of day.
        self.fine: set[str] = set()
        self.filled = self.has_dash = self.has_slash = False

    def add(self, cells: Sequence, row: int) -> None:
        """`row` is the first one's, counted from 0."""
        if self.can or self.nearly:
            texts = {cell for cell in set(cells) if isinstance(cell, str)}
            nulls = {text for text in texts if text.strip().lower() in NULLS_AMONG_TYPED}
            words = {text.strip() for text in texts - nulls}
            self.has_dash = self.has_dash or any(null.strip().lower() not in NULLS for null in nulls)
            self.values += len(cells) - (sum(map(nulls.__contains__, cells)) if nulls else 0)
            could = set(self.can)
            self._add_typed(cells)
            self._add_text(words)
            self.nearly |= {reading: Odd(FITTING_TYPES[reading], self.readings.get(reading))
                            for reading in (could - self.can) & (NUMBERS | DATES)}
            self.nearly = {reading: odd for reading, odd in self.nearly.items()
                           if odd.add(cells, words, row, self.values)}

    def _add_typed(self, cells: Sequence) -> None:
        for kind in set(map(type, cells)) - {str}:
            self.filled = True
            self.can &= FITTING.get(kind, set())
            if kind is float and not all(_is_whole(cell) for cell in cells if isinstance(cell, float)):
                self.fine |= NUMBERS
            if kind is datetime and any(_has_time(cell) for cell in cells if isinstance(cell, datetime)):
                self.fine |= DATES

    def _add_text(self, words: set[str]) -> None:
        if words:
            self.filled = True
            self.can &= self.readings.keys()
            for reading in list(self.can):
                self._try(reading, words)
            if self.can & DATES:
                self.has_slash = self.has_slash or any("/" in word for word in words)
            if self.can >= DATES:
                self.undecided = self.undecided or min(filter(is_undecided, words), default="")

    def _try(self, reading: str, words: set[str]) -> None:
        read = self.readings[reading]
        for word in words:
            value = read(word)
            if value is None:
                self.can.discard(reading)
                return
            if isinstance(value, float) or isinstance(value, datetime) and _has_time(value):
                self.fine.add(reading)

    @property
    def is_blank(self) -> bool:
        return not self.filled and not self.has_dash

    def column(self, name: str, decimal_comma: bool, semicolon: bool) -> Column:
        number_reading = "comma" if decimal_comma else "point"
        if not self.filled:
            return Column(name, "text" if self.has_dash else "empty")
        if "boolean" in self.can:
            return Column(name, "boolean")
        if number_reading in self.can:
            return Column(name, "number" if number_reading in self.fine else "integer")
        if self.can & DATES:
            usual = decimal_comma or semicolon or not self.has_slash
            reading = "day first" if "month first" not in self.can or usual and "day first" in self.can \
                else "month first"
            return Column(name, "datetime" if reading in self.fine else "date", reading == "day first")
        return Column(name, "date" if "month" in self.can else "text")  # months only if all are: 2026-01 is also an id


def decide(names: list[str], guesses: list[Guess], semicolon: bool) -> tuple[tuple[Column, ...], bool]:
    """The columns, and whether the file has decimal commas: as most columns say that can only be read in one way."""
    commas = sum(guess.filled and guess.can & NUMBERS == {"comma"} for guess in guesses)
    points = sum(guess.filled and guess.can & NUMBERS == {"point"} for guess in guesses)
    decimal_comma = commas > points or commas == points and semicolon
    return tuple(guess.column(name, decimal_comma, semicolon) for name, guess in zip(names, guesses)), decimal_comma


def kind(cell: Any) -> str | None:
    """"number", "date" or "other" for what looks like data; "" for what may be a name; None for no value."""
    if not isinstance(cell, str):
        return "number" if FITTING.get(type(cell)) == NUMBERS else "date" if isinstance(cell, date) else "other"
    text = cell.strip()
    if text.lower() in NULLS_AMONG_TYPED:
        return None
    if text.isdigit() or any(READINGS[reading](text) is not None for reading in NUMBERS):
        return "number"
    return "date" if moment(text, day_first=True) or moment(text, day_first=False) else ""


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < 1e15


def _has_time(value: datetime) -> bool:
    return value.time() != time.min
