"""report: makes a document from an uploaded table, or from the app's own jobs. The work is in app/report/."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from app import files, tables
from app.address import Addresses
from app.kinds import OneLine, Params, kind
from app.report import history, measures


class Report(Params):
    title: OneLine = Field(default="", max_length=200)
    source: str = Field(description="An upload's id, or jobs: the app's own history", examples=[history.SOURCE],
                        json_schema_extra={"format": "table", "pattern": f"^({history.SOURCE}|file-[0-9a-f]{{32}})$"})
    format: Literal["pdf", "xlsx", "html", "csv"] = "pdf"
    group_by: list[Annotated[str, Field(json_schema_extra={"format": "column"})]] = Field(
        default=[], max_length=measures.MOST_GROUPS, json_schema_extra={"uniqueItems": True},
        description="Columns, such as Region; of a date also Date:month")
    measures: list[Annotated[str, Field(json_schema_extra={"format": "measure"})]] = Field(
        default=[], max_length=measures.MOST_MEASURES, json_schema_extra={"uniqueItems": True},
        description="Such as sum:Sales, mean:Price, count")
    email_to: Addresses = []

    @field_validator("source")
    @classmethod
    def there(cls, value, info):
        _columns(value, info)
        return value

    @field_validator("group_by", "measures")
    @classmethod
    def of_its_columns(cls, value, info):
        columns = _columns(info.data.get("source"), info)
        problems = measures.check(columns, **{"group_by": [], "measures": []} | {info.field_name: value})
        if columns and problems:
            raise ValueError("; ".join(sentence for _, sentence in problems))
        return value

    @field_validator("email_to")
    @classmethod
    def can_be_sent(cls, value, info):
        app = (info.context or {}).get("app")
        if value and app and "email" not in app.tasks:
            raise ValueError("this app has no jobs of the kind email")
        return value


def _columns(source: str | None, info) -> measures.Columns:
    """The source's columns; none where it cannot be looked up: then the job does, and fails if it is wrong."""
    app = (info.context or {}).get("app")
    if source == history.SOURCE:
        return history.columns()
    if not app or source is None:
        return []
    file = app.files.get(source) if files.is_file(source) else None
    if file is None or "layout" not in file.info:
        raise ValueError("there is no such upload; uploads are kept for RETENTION_DAYS")
    return [(column["name"], column["type"]) for column in file.info["layout"]["columns"]]


@kind(autoretry_for=(files.Away,), throws=(files.TooLarge, files.Full, files.Gone, tables.Unreadable,
                                               measures.NotPossible),
      max_retries=3, retry_backoff=5)
def report(job, params: Report):
    """Makes a document from a table: PDF, Excel, web page or CSV."""
    from app.report import making  # and with it pandas, which a worker that only mails does without

    return making.report(job, params)
