"""The few cells that keep a column from being numbers or dates: only to name one, so that it can be corrected."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

#: They are few when at most one value in so many is odd, and at least so many are not.
ONE_IN = LEAST = 5


class Odd:
    """The cells of a column that do not fit one reading: how many, and the first one."""

    def __init__(self, types: Collection[type], read: Callable[[str], Any] | None):
        """`types` fit, and so does text that `read` gives something for."""
        self.types, self.read = types, read
        self.count = self.row = 0
        self.cell: Any = None

    def add(self, cells: Sequence, words: set[str], row: int, values: int) -> bool:
        """Whether the odd ones are still few.

        Args:
            words: the text among the cells, without words for "no value".
            row: the first cell's.
            values: how many there were in the column, these included.
        """
        most = values // ONE_IN - self.count
        # Of a column that is just text, only as many words are tried as it takes to know.
        odd = set(islice((word for word in words if self.read is None or self.read(word) is None), most + 1))
        if len(odd) > most:
            return False
        at = [index for index, cell in enumerate(cells)
              if (cell.strip() in odd if isinstance(cell, str) else type(cell) not in self.types)]
        if at and not self.count:
            self.row, self.cell = row + at[0], cells[at[0]]
        self.count += len(at)
        return len(at) <= most
