"""How large an XLSX file is once it is opened. calamine holds a whole sheet, empty cells too, and when it finds no
memory it ends the process; so we look before, at the bytes themselves and not at what the file says of itself."""

import re
import zipfile
from functools import cache

from app.tables.layout import MAX_CELLS, MAX_COLUMNS, Unreadable
from app.tables.xlsx_text import MAX_TEXT, Strings, is_plain, of_sheet

#: Bytes of all of the file, unpacked.
MAX_BYTES = 200_000_000
#: Bytes of XML.
MAX_ROW = 16_000_000
#: Rows of a sheet, as in Excel, and of all of the file: to look at each takes time.
MAX_SHEET_ROWS, MAX_ROWS = 1_048_576, 3_000_000
BLOCK = 1 << 20

_PREFIX = rb"<(?:[^\s<>/:]+:)?"
_SHEET = re.compile(_PREFIX + rb"worksheet\b")
_ROW_START = re.compile(rb"(?=" + _PREFIX + rb"row\b)")
_ANY_CELL = re.compile(_PREFIX + rb"c[\s/>]")
#: Tags as all programs write them, with the place that they name. Others are refused: where XML is bent, as by an
#: attribute given twice, calamine might see another place than we do.
_OTHERS = rb"""(?:\s+(?!r[\s=])[\w:.-]+\s*=\s*["'][^<>"']*["'])*+"""
_ROW = re.compile(_PREFIX + rb"row" + _OTHERS + rb"""(?:\s+r\s*=\s*["']([0-9]{1,7})["'])?""" + _OTHERS + rb"\s*/?>")
_CELL = re.compile(_PREFIX + rb"c" + _OTHERS + rb"""(?:\s+r\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["'])?""" + _OTHERS
                   + rb"\s*(/?)>")


def check(archive: zipfile.ZipFile) -> None:
    """Raises:
        Unreadable: too large.
        Exception: whatever zipfile and zlib say of a broken file.
    """
    left, rows, sheets, texts = MAX_BYTES, 0, [], []
    for entry in archive.infolist():  # whatever its name: a sheet may have any
        sheet, strings = _Sheet(), Strings()
        left -= _check_part(archive, entry, left, sheet, strings)
        rows += sheet.rows
        if rows > MAX_ROWS:
            raise _too_large(f"Its sheets have more than {MAX_ROWS:,} rows.")
        sheets.append((entry, sheet.cells))
        if strings.longest:
            texts.append((entry, strings))
    _check_text(archive, sheets, texts)


def _check_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, sheet: "_Sheet", strings: Strings) -> int:
    """Returns its size in bytes. What it is, its content tells."""
    # zipfile stops at the size that the file claims; calamine does not. This reads to the real end.
    entry.file_size = MAX_BYTES + BLOCK
    is_sheet, size, last = False, 0, b""
    with archive.open(entry) as part:
        while block := part.read(BLOCK):
            size += len(block)
            if size > left:
                raise _too_large(f"It has more than {MAX_BYTES // 1_000_000} MB of data.")
            is_sheet = is_sheet or bool(_SHEET.search(last + block))
            if is_sheet:
                sheet.add(block)
            strings.add(block)
            if len(strings.lengths) > MAX_CELLS:
                raise _too_large(f"It has more than {MAX_CELLS:,} different texts.")
            last = block[-100:]
    sheet.add(b"<row>")  # so that the last one is complete
    return size


def _check_text(archive: zipfile.ZipFile, sheets: list[tuple[zipfile.ZipInfo, int]],
                texts: list[tuple[zipfile.ZipInfo, Strings]]) -> None:
    """Counted cell by cell only where each cell with the longest text would be too much: that is slow."""
    longest = max((strings.longest for _, strings in texts), default=0)
    for entry, cells in sheets:
        if cells * longest > MAX_TEXT:
            if len(texts) > 1 or not is_plain(archive, texts[0][0]):
                raise ValueError("bent XML")
            if of_sheet(archive, entry, texts[0][1]) > MAX_TEXT:
                raise _too_large(f"The texts of one of its sheets have more than {MAX_TEXT // 1_000_000} MB in all.")


class _Sheet:
    """How far its cells reach: the last row and the last column that have something in them."""

    def __init__(self):
        self.rest = b""
        self.row = self.rows = self.bottom = self.right = self.cells = 0

    def add(self, block: bytes) -> None:
        *rows, self.rest = _ROW_START.split(self.rest + block)
        if len(self.rest) > MAX_ROW:
            raise _too_large("One of its rows is far too long.")
        self.rows += len(rows)
        if self.rows > MAX_SHEET_ROWS + 1:  # what comes before the first counts as one
            raise _too_large(f"One of its sheets has more than {MAX_SHEET_ROWS:,} rows.")
        for xml in rows:
            self._add_row(xml)
        if self.right > MAX_COLUMNS or self.bottom * self.right > MAX_CELLS:
            raise _too_large(f"One of its sheets reaches to row {self.bottom:,} and column {self.right:,}.")

    def _add_row(self, xml: bytes) -> None:
        """Rows and cells may say where they are; else they follow the one before."""
        cells, tag = _CELL.findall(xml), _ROW.match(xml)
        if len(cells) != len(_ANY_CELL.findall(xml)) or cells and not tag:
            raise ValueError("bent XML")
        self.row = int(tag[1]) if tag and tag[1] else self.row + 1
        # A cell without anything in it, like <c r="XFD9" s="1"/>, only has a colour.
        if filled := [(column, row) for column, row, empty in cells if not empty]:
            self.cells += len(filled)
            columns, rows = map(set, zip(*filled))
            follow = len(cells) if b"" in columns else 0
            self.bottom = max(self.bottom, self.row, *(int(row or 0) for row in rows))
            self.right = max(self.right, max(map(_column, columns)) + follow)


@cache
def _column(letters: bytes) -> int:
    """"A" is 1; "" is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _too_large(what: str) -> Unreadable:
    return Unreadable(f"The workbook is too large. {what} Delete what is not needed, rows and columns that only look "
                      "empty too, or save the sheet as CSV.")
