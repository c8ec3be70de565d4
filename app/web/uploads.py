"""Tables that people upload, for reports and whatever kind of job wants one: the API under /api/uploads."""

from datetime import date
from threading import Lock

from flask import Blueprint, request, url_for
from werkzeug.exceptions import Conflict, NotFound, RequestEntityTooLarge, ServiceUnavailable, UnsupportedMediaType

from app import files, tables
from app.web import api, receiving
from app.web.audit import audit
from app.web.problems import BadInput, bad_input, http

#: Characters of a cell that a preview shows.
PREVIEW_CHARS = 100
#: One table at a time in each process, as each takes memory while it is looked at; the next waits for so long.
looking = Lock()
PATIENCE_SECONDS = 10


class Busy(Exception):
    """Somebody else's table is being looked at."""


blueprint = Blueprint("uploads", __name__, url_prefix="/api/uploads")
blueprint.url_value_preprocessor(receiving.larger_body)
blueprint.register_error_handler(BadInput, bad_input)


@blueprint.post("")
def create():
    """Take a table: 201, its columns, types and first rows."""
    file = receive()
    return as_json(file), 201, {"Location": url_for("uploads.show", id=file.id)}


@blueprint.get("/<id>")
def show(id):
    """What is known of a table."""
    return as_json(find(id))


@blueprint.put("/<id>")
def replace(id):
    """Put new rows in place of the old: what a schedule reports on next time."""
    find(id)
    return as_json(receive(replaces=id))


@blueprint.delete("/<id>")
def delete(id):
    """Delete a table, unless a schedule uses it."""
    find(id)
    for schedule in api.store().schedules():
        if id in schedule["params"]:
            raise Conflict(f"The schedule {schedule['id']} uses it. Delete that first, or PUT a table in its place.")
    api.files().delete(id)
    audit("delete_upload", file=id)
    return "", 204


@blueprint.errorhandler(RequestEntityTooLarge)
@blueprint.errorhandler(files.TooLarge)
def too_large(_error):
    return http(RequestEntityTooLarge(most()))


@blueprint.errorhandler(files.Full)
def full(error):
    return http(ServiceUnavailable(str(error), retry_after=60))


@blueprint.errorhandler(Busy)
def busy(error):
    return http(ServiceUnavailable(str(error), retry_after=5))


def receive(replaces: str | None = None) -> files.File:
    """Keep the table of this request's field `file`. It is streamed to disk, never whole in memory.

    Raises:
        BadInput: there is no table in it.
        RequestEntityTooLarge, UnsupportedMediaType, Busy, app.files.Full
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send the table as the field file of a multipart/form-data form.")
    upload = request.files.get("file")
    request.stream.read(1)  # a chunked body ends in silence at the limit; asked for more, werkzeug says 413
    if upload is None or not upload.filename:
        raise BadInput(("file", "is missing: send the table as the field file of a multipart/form-data form"))
    name = receiving.plain_name(upload.filename, "table")
    if not looking.acquire(timeout=PATIENCE_SECONDS):
        raise Busy("Other tables are being looked at. Try again in a moment.")
    try:
        layout, rows = tables.inspect(upload.stream, name)
    except tables.Unreadable as error:
        raise BadInput(("file", str(error))) from None
    finally:
        looking.release()
    upload.stream.seek(0)
    info = {"layout": layout.as_json(), "preview": [[shown(value) for value in row] for row in rows]}
    file = api.files().put(
        name, receiving.plain_type(upload.mimetype), upload.stream, limit="UPLOAD_MAX_MB",
        most_mb=receiving.most_mb(), replaces=replaces, info=info)
    audit("replace_upload" if replaces else "upload", file=file.id)
    return file


def most() -> str:
    return (f"A file may have at most {receiving.most_mb():g} MB, which UPLOAD_MAX_MB "
            "allows. Leave out columns that you do not need, or send a part.")


def shown(value: object) -> object:
    if isinstance(value, date):  # datetimes are dates
        return value.isoformat()
    return value[:PREVIEW_CHARS] if isinstance(value, str) else value


def find(id: str) -> files.File:
    file = api.files().get(id) if files.is_file(id) else None
    if file is None or "layout" not in file.info:
        raise NotFound("There is no upload with this id. Uploads are kept for RETENTION_DAYS.")
    return file


def as_json(file: files.File) -> dict:
    columns = file.info["layout"]["columns"]
    names = [column["name"] for column in columns]
    return {
        "id": file.id,
        "name": file.name,
        "bytes": file.bytes,
        "columns": [{"name": column["name"], "type": column["type"]} for column in columns],
        "rows": file.info["layout"]["rows"],
        "notes": file.info["layout"].get("notes", []),
        "preview": [dict(zip(names, row)) for row in file.info["preview"]],
    }
