"""Bytes to characters: which encoding a file has, its lines, and what a cell may hold."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any, BinaryIO, TextIO

from app.tables.layout import MAX_CELL, Unreadable

BLOCK = 1 << 18
#: Characters. Memory is bounded by a line, so a line is.
MAX_LINE = 2_000_000

#: Bytes that nobody types. A few are a slip, many are no text.
_NOT_TYPED = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
#: What XML, and so XLSX, cannot hold: control characters, halves of a pair, two that are no characters.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that cp1252 leaves undefined."""
    return error.object[error.start:error.end].decode("latin-1"), error.end


codecs.register_error("tables.latin1", _as_latin1)


def encoding_of(file: BinaryIO) -> str:
    """"utf-16", "utf-8-sig" (with or without its mark) or, when not all of the file is UTF-8, "cp1252".

    Raises:
        Unreadable: no text.
    """
    file.seek(0)
    block = file.read(BLOCK)
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    encoding, decoder = "utf-8-sig", codecs.getincrementaldecoder("utf-8")()
    if len(_NOT_TYPED.findall(block)) > 20 + len(block) // 50:
        raise _no_text()
    while True:
        if b"\0" in block:
            raise _no_text()
        try:
            if encoding != "cp1252":
                decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            encoding = "cp1252"  # the rest is still searched for NUL
        if not block:
            return encoding
        block = file.read(BLOCK)


def _no_text() -> Unreadable:
    return Unreadable("This is not a text file. Open it in the program that it comes from, save it as .xlsx or as "
                      ".csv in UTF-8, and upload that.")


@contextmanager
def opened(file: BinaryIO, encoding: str) -> Iterator[TextIO]:
    """The file from its beginning, as text. It stays open afterwards."""
    file.seek(0)
    errors = {"cp1252": "tables.latin1", "utf-16": "replace"}.get(encoding, "strict")
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    try:
        yield text
    except UnicodeDecodeError:
        raise Unreadable("The file has changed since it was looked at. Upload it again.") from None
    finally:
        if not file.closed:
            text.detach()  # else it would close the file


def lines(text: TextIO) -> Iterator[str]:
    """Each with its line break.

    Raises:
        Unreadable: one is longer than MAX_LINE.
    """
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise Unreadable(f"Line {number:,} is longer than {MAX_LINE:,} characters. "
                             "Check that the file is a table, with one row on each line.")
        yield line


def clean(value: str) -> str:
    """A cell's text as any format can hold it, without white space around it, at most MAX_CELL characters."""
    value = value.strip()
    if _UNFIT.search(value):
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        value = _UNFIT.sub("", _SURROGATE.sub("\ufffd", value)).strip()
    return value[:MAX_CELL]


def written(value: Any) -> str:
    """A cell as text: as it stands in the file, or, where the file has it typed, the usual way to write it."""
    match value:
        case str():
            return clean(value)
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime():
            return value.isoformat(" ")
        case time():
            return _clock(timedelta(hours=value.hour, minutes=value.minute, seconds=value.second))
        case timedelta():
            return _clock(value)
    return str(value)


def _clock(span: timedelta) -> str:
    """1:30:00, and 30:00:00 for what is longer than a day."""
    minutes, seconds = divmod(round(abs(span).total_seconds()), 60)
    return f"{'-' * (span < timedelta())}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
