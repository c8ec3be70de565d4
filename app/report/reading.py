"""The rows of a report, from an upload or from the app's own jobs, and where a run that was interrupted goes on."""

import tempfile
import time
from collections.abc import Iterable, Iterator

from app import files, tables
from app.report import history
from app.report.frame import Builder
from app.report.measures import Columns

#: To read again what took less costs no more than to save it.
SAVE_SECONDS = 5
#: A run that is cancelled leaves what it saved; nobody misses it after so long.
SAVED_SECONDS = 6 * 3600
#: Jobs that a report on the app's own history looks at, the newest first.
MOST_JOBS = 100_000
#: Bytes of a file that are held in memory, before it goes to the disk.
IN_MEMORY = 512 * 1024


class Reading:
    """Reads into `builder`, and reports for the job.

    What was read is saved as a file (`read` in the job's cursor) whenever reading has taken SAVE_SECONDS more, and
    when the worker is asked to stop.
    """

    def __init__(self, job):
        self.job = job
        self.cursor = job.cursor or {}
        self.saved = self.cursor.get("read")
        self.began = time.monotonic()
        self.saves = True

    def of_upload(self, id: str) -> tuple[Columns, str, str]:
        """Returns the table's columns, its name, and what it is in words.

        Raises:
            app.files.Gone, app.tables.Unreadable
        """
        file = self.job.app.files.get(id)
        if file is None or "layout" not in file.info:
            raise files.Gone("The upload has expired: upload it again. Uploads are kept for RETENTION_DAYS.")
        layout = tables.Layout.from_json(file.info["layout"])
        columns = [(column.name, column.type) for column in layout.columns]
        self.of = file.content
        self.builder = self._saved_rows() or Builder(columns)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as content:
            for piece in self.job.app.files.read(file):
                content.write(piece)
                self.checkpoint(0, layout.rows, "Fetching")
            self._add(tables.read(content, layout, skip=self.builder.rows), layout.rows)
        return columns, file.name.rpartition(".")[0] or file.name, f"{file.name}, {_count(layout.rows, 'row')}"

    def of_jobs(self) -> tuple[Columns, str, str]:
        """As of_upload. Jobs that come and go while it reads may be in it, or not."""
        self.builder = Builder(history.columns())
        self.saves = False  # jobs come and go: the next run could not go on where this one was
        self._add(self._jobs(), sum(self.job.store.counts().values()))
        return history.columns(), "Jobs of this app", f"{_count(self.builder.rows, 'job')} of this app"

    def checkpoint(self, done: int, total: int, message: str) -> None:
        """A place to stop at. Raises what Job.checkpoint raises."""
        if self.job.stopping:
            self.save()
        self.job.checkpoint(done, total, message, resumable=True)

    def save(self) -> None:
        """Leave what was read for the next run, if that is worth it."""
        if not self.saves or time.monotonic() - self.began < SAVE_SECONDS:
            return
        self.began = time.monotonic()
        try:
            file = self.job.keep("rows", "application/octet-stream", self.builder.dump(), seconds=SAVED_SECONDS)
        except (files.Away, files.Full, files.TooLarge):
            return  # then the next run reads again
        self.job.save({"read": file["id"], "of": self.of})
        self.forget()
        self.saved = file["id"]

    def forget(self) -> None:
        if self.saved:
            self.job.app.files.delete(self.saved)

    def _add(self, chunks: Iterable[list[list]], total: int) -> None:
        for chunk in chunks:
            self.builder.add(chunk)
            self.checkpoint(self.builder.rows, total, "Reading rows")
            self.save()

    def _saved_rows(self) -> Builder | None:
        """None when nothing was saved, or it has expired, or the upload was replaced since."""
        file = self.job.app.files.get(self.saved) if self.saved and self.cursor["of"] == self.of else None
        try:
            return file and Builder.load(b"".join(self.job.app.files.read(file)))
        except files.Gone:
            return None

    def _jobs(self) -> Iterator[list[list]]:
        cursor, count = None, 0
        while count < MOST_JOBS:
            page = self.job.store.page(None, None, 200, cursor)
            yield [history.row(record) for record in page.records]
            cursor, count = page.next, count + len(page.records)
            if not cursor:
                return


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
