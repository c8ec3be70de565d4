"""XLSX: a sheet to see first, with key figures and Excel's own charts, then a sheet with all rows of each table."""

from datetime import UTC
from io import BytesIO
from tempfile import TemporaryDirectory

from xlsxwriter import Workbook

from app.report.document import Document
from app.report.formats import chart_sheet, first_sheet, table_sheet
from app.report.formats.cells import sheet_names
from app.report.formats.progress import Checkpoint, Progress
from app.report.formats.values import clean


def render(document: Document, checkpoint: Checkpoint) -> bytes:
    """Keeps rows in a temporary folder, not in memory."""
    out = BytesIO()
    with TemporaryDirectory() as folder:
        book = Workbook(out, {"constant_memory": True, "tmpdir": folder, "remove_timezone": True,
                              "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
        _draw(book, document, Progress(checkpoint, sum(len(table.rows) for table in document.tables)))
        book.close()
    return out.getvalue()


def _draw(book: Workbook, document: Document, progress: Progress) -> None:
    made_at = document.made_at.astimezone(UTC) if document.made_at.tzinfo else document.made_at
    book.set_properties({"title": clean(document.title)[:255], "created": made_at.replace(tzinfo=None)})
    names = sheet_names([table.title for table in document.tables], {first_sheet.NAME, chart_sheet.NAME})
    first_sheet.draw(book, document, names)
    for name, table in zip(names, document.tables):
        table_sheet.draw(book, name, table, progress)
    chart_sheet.draw(book, document.charts)
