"""CSV: which character is between the cells, and the rows. Knows nothing of header and types."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO

from app.tables import text
from app.tables.layout import Unreadable, check_width

#: The comma last: of two that fit as well, it is the one that is also in prose and in numbers.
DELIMITERS = "\t;|,"
#: For a file with one column: a character that is in no cell.
_NONE = "\x1f"
_SEP_LINE = re.compile(r'"?sep=([^"\s]|\t)"?[\r\n]*', re.I)
#: Ends every file that we read. In a row of its own, or else in a cell whose quote was never closed.
_END = "\x00end"
SAMPLE_LINES = 300
SAMPLE_CHARACTERS = 500_000


def delimiter_of(file: BinaryIO, encoding: str) -> str:
    """What Excel's `sep=` line says, else what most rows agree on; "" when the file has one column.

    Raises:
        Unreadable: a line is endless.
    """
    with text.opened(file, encoding) as opened:
        sample = list(_sample(text.lines(opened)))
    if sample and (said := _SEP_LINE.fullmatch(sample[0])):
        return said[1]
    agreement = {delimiter: _agreement(sample, delimiter) for delimiter in DELIMITERS}
    best = max(agreement, key=agreement.get)
    return best if agreement[best] else ""


def _sample(lines: Iterable[str]) -> Iterator[str]:
    left = SAMPLE_CHARACTERS
    for line in islice(lines, SAMPLE_LINES):
        yield line
        left -= len(line)
        if left < 0:
            return


def _agreement(sample: list[str], delimiter: str) -> float:
    """The share of rows that have the most common width above one; 0 when the delimiter seems to be none."""
    try:
        rows = list(csv.reader(sample, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return 0
    rows = [row for row in rows if len(row) > 1 or any(row)]
    wide = [len(row) for row in rows if len(row) > 1]
    if not wide:
        return 0
    share = max(Counter(wide).values()) / len(rows)
    # Rows of all lengths may still be a table if the first one has several cells. Prose with commas has a plain header.
    return share if share >= 0.5 or len(rows[0]) > 1 and len(wide) * 2 >= len(rows) else 0


def rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """Each row; a blank one is [].

    Raises:
        Unreadable: too many columns; a quote that is never closed, or a cell longer than csv allows (131,072
            characters), which is nearly always the same mistake.
    """
    with text.opened(file, encoding) as opened:
        reader = csv.reader(chain(_without_sep(text.lines(opened)), [_END]), delimiter=delimiter or _NONE,
                            skipinitialspace=True)
        line = 0
        try:
            for row in reader:
                if row and row[-1].endswith(_END):
                    yield from _last(row, line + 1, reader.line_num)
                elif "".join(row).strip():
                    check_width(len(row))
                    yield row
                else:
                    yield []
                line = reader.line_num
        except csv.Error:
            raise _unclosed(line + 1) from None


def _without_sep(lines: Iterator[str]) -> Iterator[str]:
    first = next(lines, "")
    return chain(["\n" if _SEP_LINE.fullmatch(first) else first], lines)


def _last(row: list[str], begun: int, ended: int) -> Iterator[list[str]]:
    """A quote left open in the very last line is a file that was cut off: its row is still good."""
    if ended - begun > 1:
        raise _unclosed(begun)
    row[-1] = row[-1].removesuffix(_END)
    if "".join(row).strip():
        yield row


def _unclosed(line: int) -> Unreadable:
    return Unreadable(f"Line {line:,} opens a quote (\") that is never closed, or has a cell that is far too long. "
                      "Correct it in a text editor, or save the table as .xlsx.")
