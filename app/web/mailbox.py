"""The outbox page: mail that waits nowhere because there is no SMTP server."""

import email
from email.policy import default

from flask import Blueprint, render_template

from app import outbox
from app.record import iso
from app.web.api import store
from app.web.auth import require_session

blueprint = Blueprint("mailbox", __name__)
blueprint.before_request(require_session)


@blueprint.get("/outbox")
def index():
    messages = []
    for id, at, text in outbox.messages(store()):
        message = email.message_from_string(text, policy=default)
        body = message.get_body(("plain", "html"))
        messages.append({"id": id, "at": iso(at), "headers": message, "body": body.get_content() if body else "",
                         "attachments": [(part.get_filename(), int(part.get("X-Size", 0)))
                                         for part in message.iter_attachments()]})
    return render_template("outbox.html", messages=messages)
