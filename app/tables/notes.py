"""What the person who uploads a file should know of how it was read, in short sentences."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from app.tables.layout import Column
from app.tables.odd import LEAST
from app.tables.text import written
from app.tables.types import DATES, Guess

MOST = 10
#: Characters of a cell.
MAX_CELL = 40
ENCODING = "Its letters were read as Western European (cp1252); if they look wrong, save it as UTF-8."


def sheets(read: str, others: Sequence[str]) -> tuple[str, ...]:
    """None when there are no others."""
    if not others:
        return ()
    named = ", ".join(f"'{name}'" for name in others[:3])
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"The sheet '{read}' was read; the workbook also has {named}{more}.",)


def columns(columns: Sequence[Column], guesses: Sequence[Guess], decimal_comma: bool,
            in_file: Callable[[int], int]) -> Iterator[str]:
    """`in_file` makes a row of the data one of the file."""
    for column, guess in zip(columns, guesses):
        if column.type == "text":
            yield from _text(column, guess, "comma" if decimal_comma else "point", in_file)
        elif column.type.startswith("date") and guess.can >= DATES and guess.undecided:
            yield (f"Dates such as {guess.undecided} in {column.name} were read with the "
                   f"{'day' if column.day_first else 'month'} first.")


def _text(column: Column, guess: Guess, number: str, in_file: Callable[[int], int]) -> Iterator[str]:
    nearly = [guess.nearly[reading] for reading in (number, *sorted(DATES)) if reading in guess.nearly]
    odd = min(nearly, key=attrgetter("count"), default=None)
    if odd and guess.values - odd.count >= LEAST:
        cell = " ".join(written(odd.cell).split())[:MAX_CELL]
        more = f", and {odd.count - 1:,} more" if odd.count > 1 else ""
        yield f"{column.name} is text because of row {in_file(odd.row):,}: '{cell}'{more}."
