"""A report job, step by step: read the table, analyse it, draw the document, keep it, mail it.

What is done is saved, so that a run that was interrupted, or died, costs the next one little: rows that were read
(app.report.reading), then the document.
"""

import re
from datetime import UTC, datetime

from app.report import history, measures
from app.report.analysis import analyse
from app.report.analysis.history_analysis import analyse_history
from app.report.document import Document
from app.report.formats import FORMATS, render
from app.report.formats.html import summary
from app.report.reading import Reading

#: What some system does not take in a file's name, and what would turn its ending around.
NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


def report(job, params) -> dict:
    made = job.cursor or {}
    if "file" not in made:
        made = make(job, params)
        job.save(made)
    return {"file": made["file"], "rows": made["rows"], "email": send(job, params, made)}


def make(job, params) -> dict:
    reading = Reading(job)
    columns, name, source = reading.of_jobs() if params.source == history.SOURCE else reading.of_upload(params.source)
    document = say(reading, columns, params.title or name, source, params)
    content = render(document, params.format, lambda done, total: reading.checkpoint(done, total, "Drawing"))
    form = FORMATS[params.format]
    file = job.keep(f"{file_name(document.title)}.{form.extension}", form.media_type, content)
    html, text = summary(document) if params.email_to else ("", "")
    reading.forget()
    return {"file": file, "rows": reading.builder.rows, "title": document.title, "html": html, "text": text}


def say(reading: Reading, columns: measures.Columns, title: str, source: str, params) -> Document:
    """Raises app.report.measures.NotPossible."""
    if problems := measures.check(columns, params.group_by, params.measures):
        raise measures.NotPossible("; ".join(sentence for _, sentence in problems))
    wish = {"title": title, "source": source, "made_at": datetime.now(UTC),
            "checkpoint": lambda: reading.checkpoint(0, 1, "Analysing")}
    frame = reading.builder.frame()
    if params.source == history.SOURCE and not params.group_by and not params.measures:
        return analyse_history(frame, **wish)
    return analyse(frame, columns, group_by=params.group_by, measures=params.measures, **wish)


def send(job, params, made: dict) -> str | None:
    """Mail the report, by a job of its own. Returns that job's id, which is the same whenever this is asked again."""
    if not params.email_to:
        return None
    task = job.app.tasks["email"]
    return task.submit(id=f"{job.request.id}-email", kwargs={"params": {
        "to": params.email_to, "subject": made["title"], "html": made["html"], "text": made["text"],
        "attachments": [made["file"]["id"]]}}).id


def file_name(title: str) -> str:
    """A title as a file's name."""
    return " ".join(NOT_IN_NAMES.sub(" ", title).split())[:100].strip(" .") or "report"
