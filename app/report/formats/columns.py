"""How the columns of a table share the width of a paper page: upright, across, or a few columns at a time."""

import re
import unicodedata

from app.report.formats.excerpt import Excerpt

#: Points: the width of A4 within its margins, one letter of a table's text, and the space around a cell.
UPRIGHT, ACROSS, LETTER, PADDING = 493, 740, 4.6, 10
#: Columns are as wide as their longest text of so many rows, but a text no wider than so many letters. The fewer
#: letters, the more lines a row has; narrower ones are tried before a table is laid across or taken apart.
ROWS, UPRIGHT_LETTERS, ACROSS_LETTERS, BLOCK_LETTERS = 200, (34, 22), (34, 20, 12), 20
#: A column is stretched to fill the page, though not so far that a row's cells lose each other.
STRETCH = 2


def blocks(table: Excerpt) -> tuple[bool, list[tuple[list[int], list[float]]]]:
    """Returns whether the page lies across, and the blocks: each the columns it shows and their widths in points.

    Every block begins with the first column, which says what a row is about.
    """
    for across, page, limits in ((False, UPRIGHT, UPRIGHT_LETTERS), (True, ACROSS, ACROSS_LETTERS)):
        for letters in limits:
            widths = _widths(table, letters)
            if sum(widths) <= page:
                return across, [(list(range(len(widths))), _stretched(widths, page))]
    widths = _widths(table, BLOCK_LETTERS)
    return True, [(columns, _stretched([widths[column] for column in columns], ACROSS))
                  for columns in _taken_apart(widths, ACROSS)]


def breakable(text: str, width: float) -> str:
    """With a place to break in every word that the column may be too narrow for."""
    room = int((width - PADDING) / LETTER)
    if len(text) <= room // 2:
        return text
    return re.sub(r"\S{4,}", lambda word: _broken(word[0]) if _letters(word[0]) > room else word[0], text)


def _broken(word: str) -> str:
    # Not before a mark or a joiner: those belong to the letter before.
    return re.sub(r"(\S{3})(?=[\w!-~])", "\\1\u200b", word)


def _widths(table: Excerpt, letters: int) -> list[float]:
    return [_width(table, column, letters) * LETTER + PADDING for column in range(len(table.names))]


def _width(table: Excerpt, column: int, letters: int) -> float:
    """In letters. A number or date is not broken; a name, which is bold and so wider, breaks between its words."""
    rows = table.rows[:ROWS] + ([table.total] if table.total else [])
    longest = max((_letters(line) for row in rows for line in row[column].split("\n")), default=0)
    word = max((_letters(word) * 1.1 for word in table.names[column].split()), default=0)
    return max(4, longest if table.whole[column] and longest < 30 else min(longest, letters), min(word, letters))


def _letters(text: str) -> float:
    """How wide it is. Capitals are wider, letters of Chinese, Japanese and Korean and most emoji twice as wide."""
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide + 0.35 * sum(map(str.isupper, text))


def _stretched(widths: list[float], page: float) -> list[float]:
    factor = min(STRETCH, page / sum(widths)) if widths else 1
    return [round(width * factor, 1) for width in widths]


def _taken_apart(widths: list[float], page: float) -> list[list[int]]:
    found, block = [], [0]
    for column in range(1, len(widths)):
        if len(block) > 1 and sum(widths[one] for one in [*block, column]) > page:
            found.append(block)
            block = [0]
        block.append(column)
    return [*found, block]
