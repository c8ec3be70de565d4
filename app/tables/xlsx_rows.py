"""XLSX: the sheet to read, and its rows. Knows nothing of header and types."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from app.tables import xlsx_size
from app.tables.layout import Unreadable


def sheet(file: BinaryIO, name: str = "") -> CalamineSheet:
    """The one of that name, else the first that is shown and has something in it.

    Raises:
        Unreadable: there is none, or the file is no sound XLSX, or too large to open.
    """
    with _sound():
        _check(file)
        file.seek(0)
        workbook = CalamineWorkbook.from_filelike(file)
        if name:
            return workbook.get_sheet_by_name(name)
        for about in workbook.sheets_metadata:
            if about.typ == SheetTypeEnum.WorkSheet and about.visible == SheetVisibleEnum.Visible:
                found = workbook.get_sheet_by_name(about.name)
                if next(rows(found), None):
                    return found
    raise Unreadable("The workbook is empty: no sheet that it shows has anything in it.")


def rows(sheet: CalamineSheet) -> Iterator[list]:
    """Each that is not blank. An empty cell is "", and so is one with an error like #DIV/0!"""
    with _sound():
        for row in sheet.iter_rows():
            if row.count("") < len(row):
                yield row


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
