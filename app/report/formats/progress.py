"""Counts the rows that a format has drawn, and lets the caller look in now and then."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

#: Called with the rows done and the rows in all. What it raises ends the drawing.
Checkpoint = Callable[[int, int], None]

#: About 0.1 s of work in the slowest format.
CELLS_BETWEEN_CHECKPOINTS = 10_000

Row = TypeVar("Row")


class Progress:
    def __init__(self, checkpoint: Checkpoint, total: int):
        self.checkpoint, self.total, self.done = checkpoint, total, 0

    def of(self, rows: Iterable[Row], columns: int) -> Iterator[Row]:
        """The same rows, counted as they go by."""
        between = max(1, CELLS_BETWEEN_CHECKPOINTS // max(1, columns))
        for row in rows:
            yield row
            self.done += 1
            if self.done % between == 0:
                self.checkpoint(self.done, self.total)
        self.checkpoint(self.done, self.total)
