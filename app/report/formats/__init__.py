"""Draws a report as a file. Each format is a module here of the same name; what it needs is imported when it draws."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from app.report.document import Document
from app.report.formats.progress import Checkpoint


@dataclass(frozen=True)
class Format:
    module: str
    media_type: str
    extension: str

    @property
    def render(self) -> Callable[[Document, Checkpoint], bytes]:
        return import_module(f"app.report.formats.{self.module}").render


FORMATS = {
    "pdf": Format("pdf", "application/pdf", "pdf"),
    "html": Format("html", "text/html; charset=utf-8", "html"),
    "xlsx": Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "csv": Format("csv", "text/csv; charset=utf-8", "csv"),
}


def render(document: Document, format: str, checkpoint: Checkpoint = lambda done, total: None) -> bytes:
    """The document as a file of this format, a key of FORMATS. The same document gives the same bytes.

    `checkpoint(done, total)` is called with rows while they are drawn. It may raise; that ends the drawing, and
    nothing stays behind.
    """
    return FORMATS[format].render(document, checkpoint)
