"""Which type a column has: found out while its cells pass by, a chunk at a time, and decided for the whole file."""

from collections.abc import Callable, Collection
from datetime import date, datetime, time
from typing import Any

from app.tables.dates import moment
from app.tables.layout import Column
from app.tables.numbers import number

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
}
NUMBERS, DATES = {"point", "comma"}, {"day first", "month first"}
#: The same for cells that have a type in the file. Others, like a time of day, are shown as text.
FITTING = {bool: {"boolean"}, int: NUMBERS, float: NUMBERS, date: DATES, datetime: DATES}


class Guess:
    """What one column can still be. It begins as everything, and loses what a cell does not fit."""

    def __init__(self, typed: bool):
        #: Whether the format has numbers and booleans of its own. Text that looks like one is then meant as text.
        self.typed = typed
        self.can = set(READINGS)
        #: Those under which a value had a fraction or a time of day.
        self.fine: set[str] = set()
        self.filled = self.has_dash = self.has_slash = False

    def add(self, cells: Collection) -> None:
        if self.can:
            self._add_typed(cells)
            words = {cell.strip() for cell in set(cells) if isinstance(cell, str)}
            self.has_dash = self.has_dash or any(word.lower() in NULLS_AMONG_TYPED - NULLS for word in words)
            self._add_text({word for word in words if word.lower() not in NULLS_AMONG_TYPED})

    def _add_typed(self, cells: Collection) -> None:
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
            if self.typed:
                self.can &= DATES
            for reading in list(self.can):
                self._try(reading, words)
            if self.can & DATES:
                self.has_slash = self.has_slash or any("/" in word for word in words)

    def _try(self, reading: str, words: set[str]) -> None:
        read = READINGS[reading]
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
        return Column(name, "text")


def decide(names: list[str], guesses: list[Guess], semicolon: bool) -> tuple[tuple[Column, ...], bool]:
    """The columns, and whether the file has decimal commas: as most columns say that can only be read in one way."""
    commas = sum(guess.filled and guess.can & NUMBERS == {"comma"} for guess in guesses)
    points = sum(guess.filled and guess.can & NUMBERS == {"point"} for guess in guesses)
    decimal_comma = commas > points or commas == points and semicolon
    return tuple(guess.column(name, decimal_comma, semicolon) for name, guess in zip(names, guesses)), decimal_comma


def is_value(cell: Any) -> bool:
    """Whether it looks like data and not like a name."""
    if not isinstance(cell, str):
        return True
    text = cell.strip()
    return text.isdigit() or any(READINGS[reading](text) is not None for reading in NUMBERS | DATES)


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < 1e15


def _has_time(value: datetime) -> bool:
    return value.time() != time.min
