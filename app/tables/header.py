"""Where the header is, and what the columns are called."""

import re
from typing import Any

from app.tables.text import written
from app.tables.types import kind

#: Rows in which the header is looked for.
ROWS = 20
MAX_NAME = 200
_YEAR = re.compile("19[0-9]{2}|20[0-9]{2}|2100")


def find(rows: list[list]) -> tuple[list, int]:
    """The header's cells, and how many rows there are before the data: titles, and the header itself.

    A header is the first row with at least half as many cells filled as the fullest of these rows has. When it looks
    like data, the file has no header: there are no cells then.
    """
    filled = [[cell for cell in row if not is_blank([cell])] for row in rows]
    fullest = max(map(len, filled))
    for index, cells in enumerate(filled):
        # One cell, at the very left, above two columns: that is a title.
        is_title = len(cells) == 1 and fullest > 1 and not is_blank(rows[index][:1])
        if len(cells) * 2 >= fullest and not is_title:
            return ([], index) if _is_data(rows[index], rows[index + 1:]) else (rows[index], index + 1)
    raise AssertionError("the fullest row is one of them")


def _is_data(row: list, below: list[list]) -> bool:
    """Whether none of its cells is a name, or one is a number above numbers, or a date above dates.

    But years are how the columns of a pivot table are called, and so are 1, 2, 3 and 0, 1, 2; then the first may have
    no name.
    """
    if "" not in map(kind, row) and kind(row[0]):
        return True
    numbers = [written(cell) for cell in row if kind(cell) == "number"]
    counted = len(numbers) > 2 and numbers in ([str(n + first) for n in range(len(numbers))] for first in (0, 1))
    return any(_is_like(cell, [other[index] for other in below if index < len(other)])
               for index, cell in enumerate(row)
               if not (counted and kind(cell) == "number" or _YEAR.fullmatch(written(cell))))


def _is_like(cell: Any, below: list) -> bool:
    """Whether it is a number, or a date, and nearly all below it are."""
    if kind(cell) not in ("number", "date"):
        return False
    kinds = [sort for sort in map(kind, below) if sort is not None]
    return kinds.count(kind(cell)) > 0.8 * len(kinds)


def names(cells: list, width: int) -> list[str]:
    """One name for each column, all different."""
    taken: dict[str, None] = {}
    for index in range(width):
        name = _name(cells[index]) if index < len(cells) else ""
        name = unique = name or f"Column {index + 1}"
        number = 1
        while unique in taken:
            number += 1
            unique = f"{name} ({number})"
        taken[unique] = None
    return list(taken)


def _name(cell: Any) -> str:
    return " ".join(written(cell).split())[:MAX_NAME].strip()


def is_blank(cells: list) -> bool:
    return all(isinstance(cell, str) and not cell.strip() for cell in cells)
