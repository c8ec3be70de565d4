"""Files that a form brings: how large they may be together, what they are called, and where they stay."""

import re
import unicodedata

from flask import current_app, request

from app.files import Full, TooLarge
from app.web import LARGEST_BODY
from app.web.api import files
from app.web.forms import Field
from app.web.language import _
from app.web.problems import BadInput

#: Files of a form that comes to nothing are gone after so long; those of a job live as long as it needs them.
FORM_SECONDS = 3600


def larger_body(*_):
    """For blueprints that take files: `blueprint.url_value_preprocessor(larger_body)`, which comes before anything
    reads the request. Other limits are for JSON."""
    if request.mimetype == "multipart/form-data":
        request.max_content_length = int(most_mb() * 1e6) + LARGEST_BODY


def most_mb() -> float:
    return current_app.extensions["settings"].upload_max_mb


def plain_name(name: str, otherwise: str) -> str:
    """Without the folders of the machine that it comes from, and what has no place in a title or a header."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(" " if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") else letter for letter in name)
    return name[:200].strip() or otherwise


def plain_type(type: str | None) -> str:
    """What a browser said the file is, where that can stand in a header."""
    return type if re.fullmatch(r"[a-z0-9.+-]{1,100}/[a-z0-9.+-]{1,100}", type or "") else "application/octet-stream"


def keep_files(fields: list[Field], params: dict) -> None:
    """Keep the files of this request's form, and put their ids into the params.

    Raises:
        BadInput: one is too large, or there is no room. Those before it are kept and in the params.
    """
    for field in fields:
        for upload in request.files.getlist(field.control) if field.type in ("file", "files") else ():
            if upload.filename:
                id = _kept(field, upload)
                params[field.name] = [*params.get(field.name, []), id] if field.type == "files" else id


def _kept(field: Field, upload) -> str:
    name = plain_name(upload.filename, "file")
    try:
        return files().put(name, plain_type(upload.mimetype), upload.stream, most_mb=most_mb(),
                           limit="UPLOAD_MAX_MB", seconds=FORM_SECONDS).id
    except TooLarge:
        raise BadInput((f"params.{field.name}", f"{name}: {too_large()}")) from None
    except Full as error:
        raise BadInput((f"params.{field.name}", str(error))) from None


def too_large() -> str:
    return _("files may have %(most)s MB at most, all together (UPLOAD_MAX_MB)", most=f"{most_mb():g}")
