"""Where the header is, and what the columns are called."""

from collections.abc import Callable
from typing import Any

from app.tables.text import written

#: Rows in which the header is looked for.
ROWS = 20
MAX_NAME = 200


def find(rows: list[list], is_value: Callable[[Any], bool]) -> tuple[list, int]:
    """The header's cells, and how many rows there are before the data: titles, and the header itself.

    A header is the first row with at least half as many cells filled as the fullest of these rows has. When all of
    them are numbers or dates (`is_value`), the file has no header and this is data: there are no cells then.
    """
    filled = [[cell for cell in row if not is_blank([cell])] for row in rows]
    fullest = max(map(len, filled))
    for index, cells in enumerate(filled):
        # One cell, at the very left, above two columns: that is a title.
        is_title = len(cells) == 1 and fullest > 1 and not is_blank(rows[index][:1])
        if len(cells) * 2 >= fullest and not is_title:
            return ([], index) if all(map(is_value, cells)) else (rows[index], index + 1)
    raise AssertionError("the fullest row is one of them")


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
