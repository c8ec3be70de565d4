"""Tables: what an uploaded CSV, XLSX, JSON or NDJSON file holds, read chunk by chunk. Knows nothing of jobs.

`inspect` finds out once how a file is to be read, and `read` then reads it again without guessing: what the first says
is what the second gives.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, zip_longest
from typing import BinaryIO

from app.tables import formats, header, notes
from app.tables.layout import Column, Layout, Unreadable, check_length
from app.tables.types import Guess, decide
from app.tables.values import convert

__all__ = ["Column", "Layout", "Unreadable", "inspect", "read"]

SAMPLE_ROWS = 10
#: Cells that are held at a time, so that wide tables take no more memory than long ones.
CHUNK_CELLS = 100_000


def inspect(file: BinaryIO, name: str) -> tuple[Layout, list[list]]:
    """How to read the file, and its first ten rows.

    Args:
        file: seekable; it is read from its beginning, twice or three times, and stays open.
        name: as it was uploaded; its ending tells what the content does not.

    Raises:
        Unreadable
    """
    layout, rows, keys = formats.first_look(file, name)
    blank: Counter[int] = Counter()
    rows = _filled(rows, blank)
    top = list(islice(rows, header.ROWS))
    if not top:
        raise Unreadable("The file is empty: there is no table in it.")
    cells, first = _header(layout.format, top, keys)
    top += islice(rows, first)  # as many data rows as there were others
    guesses, count = _guess(chain(top[first:], rows), len(cells), layout.format)
    cells = list(keys) or cells
    while len(guesses) > 1 and guesses[-1].is_blank and header.is_blank(cells[len(guesses) - 1:]):
        guesses.pop()  # what a delimiter at the end of each line makes
    columns, decimal_comma = decide(header.names(cells, len(guesses)), guesses, layout.delimiter == ";")
    said = notes.columns(columns, guesses, decimal_comma, lambda row: _in_file(first + row, blank))
    layout = replace(layout, first=first, columns=columns, decimal_comma=decimal_comma, rows=count,
                     notes=(*layout.notes, *said)[:notes.MOST])
    return layout, _values(top[first:first + SAMPLE_ROWS], layout)


def read(file: BinaryIO, layout: Layout, *, skip: int = 0, chunk: int = 5000) -> Iterator[list[list]]:
    """The rows after the first `skip` ones, in lists of at most `chunk`; the lists of a wide table are shorter.

    A value is None, str, int, float, bool, date or datetime, as its column's type says.

    Raises:
        Unreadable: not the file that the layout is of.
    """
    rows = islice(filter(None, formats.rows(file, layout, {})), layout.first + skip, None)
    for part in _chunks(rows, chunk, len(layout.columns)):
        yield _values(part, layout)


def _filled(rows: Iterator[list], blank: Counter[int]) -> Iterator[list]:
    """Each that is not blank; `blank` counts the others, by how many of these came before."""
    count = 0
    for row in rows:
        if row:
            count += 1
            yield row
        else:
            blank[count] += 1


def _in_file(row: int, blank: Counter[int]) -> int:
    """The number that a spreadsheet shows beside the row that is not blank; that one is counted from 0."""
    return row + 1 + sum(count for before, count in blank.items() if before <= row)


def _header(format: str, top: list[list], keys: dict[str, int]) -> tuple[list, int]:
    """The header's cells, and the number of rows before the data."""
    if format == "csv" or format == "xlsx":
        return header.find(top)
    is_header = not keys and all(isinstance(cell, str) for cell in top[0])
    return (top[0], 1) if is_header else ([], 0)


def _guess(rows: Iterator[list], columns: int, format: str) -> tuple[list[Guess], int]:
    """A guess for each column, of which there may be more than the header has, and the number of rows."""
    guesses, count = [Guess(format) for _ in range(columns)], 0
    for part in _chunks(rows, 5000):
        for index, column in enumerate(zip_longest(*part, fillvalue="")):
            if index == len(guesses):
                guesses.append(Guess(format))
            guesses[index].add(column, count)
        count += len(part)
        check_length(count, len(guesses))
    return guesses, count


def _chunks(rows: Iterator[list], most: int, columns: int = 1) -> Iterator[list[list]]:
    for row in rows:
        size = max(1, min(most, CHUNK_CELLS // max(columns, len(row))))
        yield [row, *islice(rows, size - 1)]


def _values(rows: list[list], layout: Layout) -> list[list]:
    width = len(layout.columns)
    # The last row is there so that there are cells for all columns, however short the others are.
    cells = islice(zip_longest(*rows, [""] * width, fillvalue=""), width)
    values = [convert(part[:-1], column, layout.decimal_comma) for column, part in zip(layout.columns, cells)]
    return [list(row) for row in zip(*values)]
