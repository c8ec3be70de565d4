"""Which format a file has: by its content first, then by its name's ending. And its rows, as that format has them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import BinaryIO

from app.tables import csv_rows, json_rows, notes, text, xlsx_rows
from app.tables.layout import Layout, Unreadable

SAVE = "Open it, save the table as .xlsx or .csv, and upload that."
PICTURE = "This is a picture. Upload the table itself, as .xlsx or .csv."
PAGE = f"This is a web page or XML, whatever its name says. {SAVE}"
#: How files begin that cannot be read, in small letters, and what to say.
OTHERS = {
    b"\xd0\xcf\x11\xe0": "This is an old .xls workbook, or one that is protected by a password. Open it in Excel, save "
                         "it as .xlsx without a password, and upload that.",
    b"%pdf": "This is a PDF. Export the table from the program that made it, as .xlsx or .csv.",
    b"\x89png": PICTURE, b"\xff\xd8\xff": PICTURE, b"gif8": PICTURE,
    b"\x1f\x8b": "This file is compressed. Unpack it, and upload what is in it.",
    b"{\\rtf": f"This is a text document. {SAVE}",
    b"<!doctype": PAGE, b"<html": PAGE, b"<head": PAGE, b"<meta": PAGE, b"<table": PAGE, b"<?xml": PAGE,
}
ENDINGS = {".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".json": "json", ".ndjson": "ndjson",
           ".jsonl": "ndjson"}


def first_look(file: BinaryIO, name: str) -> tuple[Layout, Iterator[list], dict[str, int]]:
    """What can be told before the rows, the rows, and the keys of JSON objects: they fill as the rows are read.

    Raises:
        Unreadable: also while the rows are read.
    """
    keys: dict[str, int] = {}
    file.seek(0)
    start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        sheet, others = xlsx_rows.largest_sheet(file)
        return Layout("xlsx", sheet=sheet.name, notes=notes.sheets(sheet.name, others)), xlsx_rows.rows(sheet), keys
    _refuse_others(start)
    layout = Layout(_format_of_text(start, name), text.encoding_of(file))
    if layout.encoding == "cp1252":
        layout = replace(layout, notes=(notes.ENCODING,))
    if layout.format == "csv":
        layout = replace(layout, delimiter=csv_rows.delimiter_of(file, layout.encoding))
    elif layout.format == "json" and json_rows.has_lines(file, layout.encoding):
        layout = replace(layout, format="ndjson")
    return layout, rows(file, layout, keys), keys


def rows(file: BinaryIO, layout: Layout, keys: dict[str, int]) -> Iterator[list]:
    """Each row, as the format has it: "" is an empty cell, a blank row is [], and rows may differ in length."""
    match layout.format:
        case "csv":
            return csv_rows.rows(file, layout.encoding, layout.delimiter)
        case "json":
            return json_rows.rows(file, layout.encoding, keys)
        case "ndjson":
            return json_rows.ndjson_rows(file, layout.encoding, keys)
    return xlsx_rows.rows(xlsx_rows.sheet(file, layout.sheet))


def _refuse_others(start: bytes) -> None:
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, sentence in OTHERS.items():
        if start.startswith(beginning):
            raise Unreadable(sentence)


def _format_of_text(start: bytes, name: str) -> str:
    """A name without a known ending says nothing: then what begins like JSON is JSON."""
    looks = "json" if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else "csv"
    return ENDINGS.get(PurePath(name).suffix.lower(), looks)
