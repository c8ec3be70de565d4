"""Reads JSON value by value from a file, so that a long list is never in memory as a whole."""

import json
import math
import re
from typing import Any, TextIO

from app.tables.layout import Unreadable

BLOCK = 1 << 16
_SPACE = re.compile(r"[ \t\r\n]*")


def _integer(digits: str) -> int | str:
    """Numbers that a spreadsheet would round are identifiers: they stay as written."""
    return int(digits) if len(digits.lstrip("-")) <= 15 else digits


def _fraction(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


#: NaN, Infinity and line breaks in a string are no JSON, but many programs write them; the first two for "missing".
DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_fraction, parse_constant=lambda _: None, strict=False)


class Stream:
    """A place in the text, and the part of it that is in memory."""

    def __init__(self, text: TextIO):
        self.text, self.buffer, self.at, self.line = text, "", 0, 1
        self.ended = False

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            self.at = _SPACE.match(self.buffer, self.at).end()
            if self.at < len(self.buffer) or self.ended:
                return self.buffer[self.at:self.at + 1]
            self._more()

    def take(self, character: str) -> bool:
        """Step over it if it is next."""
        found = self.peek() == character
        self.at += found
        return found

    def expect(self, character: str) -> None:
        if not self.take(character):
            raise self.wrong()

    def value(self) -> Any:
        """The next value, whole.

        Raises:
            Unreadable: there is none.
            RecursionError: it is nested more deeply than Python can follow.
        """
        while True:
            self.peek()
            try:
                value, end = DECODER.raw_decode(self.buffer, self.at)
                if end < len(self.buffer) or self.ended:  # else a number may go on
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                if self.ended:
                    raise self.wrong(error.pos) from None
            self._more()

    def _more(self) -> None:
        """Drops what has been read and at least doubles the rest, so that a long value is not retried too often."""
        self.line += self.buffer.count("\n", 0, self.at)
        self.buffer, self.at = self.buffer[self.at:], 0
        block = self.text.read(max(BLOCK, len(self.buffer)))
        self.buffer += block
        self.ended = not block

    def wrong(self, at: int | None = None) -> Unreadable:
        line = self.line + self.buffer.count("\n", 0, self.at if at is None else at)
        return Unreadable(f"The file is not valid JSON: line {line:,} is wrong, or the file is cut off there. "
                          "Export it again.")
