"""XLSX: the sheet to read, and its rows. Knows nothing of header and types."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from app.tables import xlsx_size
from app.tables.layout import Unreadable


def largest_sheet(file: BinaryIO) -> tuple[CalamineSheet, list[str]]:
    """The one with the most cells of those that are shown, and the names of the others that have something in them.

    Not the first one: that is often a cover.

    Raises:
        Unreadable: there is none, or as `sheet`.
    """
    with _sound():
        workbook = _workbook(file)
        names = _shown(workbook)
        if len(names) > 1:
            # Each is dropped before the next is read, as two large ones might not fit into memory.
            cells = {name: _cells(workbook.get_sheet_by_name(name)) for name in names}
            names = sorted(filter(cells.get, names), key=cells.get, reverse=True)
        if names and _cells(largest := workbook.get_sheet_by_name(names[0])):
            return largest, names[1:]
    raise Unreadable("The workbook is empty: no sheet that it shows has anything in it.")


def sheet(file: BinaryIO, name: str) -> CalamineSheet:
    """Raises:
        Unreadable: there is none, or the file is no sound XLSX, or too large to open.
    """
    with _sound():
        return _workbook(file).get_sheet_by_name(name)


def _workbook(file: BinaryIO) -> CalamineWorkbook:
    _check(file)
    file.seek(0)
    return CalamineWorkbook.from_filelike(file)


def _cells(sheet: CalamineSheet) -> int:
    """From the first row and column with something in them to the last; 0 when all rows are blank."""
    return sheet.height * sheet.width if any(rows(sheet)) else 0


def _shown(workbook: CalamineWorkbook) -> list[str]:
    return [about.name for about in workbook.sheets_metadata
            if about.typ == SheetTypeEnum.WorkSheet and about.visible == SheetVisibleEnum.Visible]


def rows(sheet: CalamineSheet) -> Iterator[list]:
    """Each; a blank one is []. An empty cell is "", and so is one with an error like #DIV/0!"""
    with _sound():
        for row in sheet.iter_rows():
            yield row if row.count("") < len(row) else []


def _check(file: BinaryIO) -> None:
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if "content.xml" in names and "mimetype" in names:
            raise Unreadable("This is an OpenDocument file. Open it, save it as .xlsx, and upload that.")
        if "xl/workbook.bin" in names:
            raise Unreadable("This is an .xlsb workbook. Open it in Excel, save it as .xlsx, and upload that.")
        if not any(name.lower().startswith("xl/") for name in names):
            raise Unreadable("This is a zip file, but no .xlsx workbook. Save the table as .xlsx or .csv, and upload "
                             "that, not zipped.")
        if any(entry.flag_bits & 1 for entry in archive.infolist()):
            raise PasswordError
        xlsx_size.check(archive)


@contextmanager
def _sound() -> Iterator[None]:
    """Whatever zipfile and calamine stumble over is the file's fault."""
    try:
        yield
    except Unreadable:
        raise
    except PasswordError:
        raise Unreadable("The workbook is protected by a password. Save it without one, and upload that.") from None
    except Exception as error:
        raise _broken() from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust; it cannot be imported
            raise
        raise _broken() from error


def _broken() -> Unreadable:
    return Unreadable("The workbook is damaged. Open it in Excel, save it as .xlsx under a new name, and upload that.")
