"""How large an XLSX file is once it is opened. calamine holds a whole sheet, empty cells too, and when it finds no
memory it ends the process; so we look before, at the bytes themselves and not at what the file says of itself."""

import re
import zipfile
from functools import cache
from typing import BinaryIO

from app.tables.layout import MAX_COLUMNS, Unreadable

#: Bytes of all of the file's XML, unpacked.
MAX_XML = 200_000_000
#: Cells of a sheet down to its last row and column: measured, calamine takes 80 bytes for each, so 200 MB.
MAX_CELLS = 2_500_000
#: Bytes of XML.
MAX_ROW = 16_000_000
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
    left = MAX_XML
    for entry in archive.infolist():
        if entry.filename.lower().endswith((".xml", ".rels")):
            # zipfile stops at the size that the file claims; calamine does not. This reads to the real end.
            entry.file_size = MAX_XML + BLOCK
            with archive.open(entry) as part:
                left -= _check_part(part, left)


def _check_part(part: BinaryIO, left: int) -> int:
    """Returns its size in bytes."""
    sheet, size, last = None, 0, b""
    while block := part.read(BLOCK):
        size += len(block)
        if size > left:
            raise _too_large(f"It has more than {MAX_XML // 1_000_000} MB of data.")
        if sheet is None and _SHEET.search(last + block):
            sheet = _Sheet()
        if sheet:
            sheet.add(block)
        last = block[-100:]
    if sheet:
        sheet.add(b"<row>")  # so that the last one is complete
    return size


class _Sheet:
    """How far its cells reach: the last row and the last column that have something in them."""

    def __init__(self):
        self.rest = b""
        self.row = self.bottom = self.right = 0

    def add(self, block: bytes) -> None:
        *rows, self.rest = _ROW_START.split(self.rest + block)
        if len(self.rest) > MAX_ROW:
            raise _too_large("One of its rows is far too long.")
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
