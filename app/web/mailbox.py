"""The outbox pages: mail as it would have arrived, had there been an SMTP server."""

from flask import Blueprint, Response, abort, current_app, render_template
from werkzeug.exceptions import NotFound

from app import allowance, outbox
from app.record import iso
from app.redis_health import Problem
from app.web.api import LOOK_ONLY, download, files, store
from app.web.auth import is_owner
from app.web.language import _

blueprint = Blueprint("mailbox", __name__, url_prefix="/outbox")
blueprint.record(lambda setup: setup.app.extensions["problems"].append(mail_waits))
blueprint.app_context_processor(lambda: {"mail_note": mail_note, "in_outbox": in_outbox})


@blueprint.get("")
def index():
    mails = [{"id": mail.id, "at": iso(mail.at), "message": mail.message,
              "attachments": len(list(mail.message.iter_attachments()))} for mail in outbox.mails(store())]
    settings = current_app.extensions["settings"]
    return render_template("outbox.html", mails=mails, now=store().now(), smtp=bool(settings.smtp_url),
                           review=settings.mails_nobody)


@blueprint.get("/<id>")
def show(id):
    mail = find(id)
    html, text = mail.message.get_body(("html",)), mail.message.get_body(("plain",))
    return render_template("mail.html", id=id, at=iso(mail.at), now=store().now(), message=mail.message,
                           open=is_owner(), html=html, text=is_owner() and text and text.get_content(),
                           attachments=[attached(part) for part in parts(mail)])


@blueprint.get("/<id>/html")
def html(id):
    """The HTML part, for the frame on its page."""
    part = opened(id).message.get_body(("html",))
    if part is None:
        raise NotFound("This message has no HTML part.")
    return Response(part.get_content(), content_type="text/html; charset=utf-8", headers=LOOK_ONLY)


@blueprint.get("/<id>/attachments/<int:number>")
def attachment(id, number):
    attachments = parts(opened(id))
    if number >= len(attachments):
        raise NotFound("This message has fewer attachments.")
    return download(attachments[number]["X-File"])


def mail_waits() -> Problem | None:
    settings = current_app.extensions["settings"]
    limit = settings.mail_daily_limit
    if not settings.smtp_url or not limit or not allowance.is_short(store(), limit):
        return None
    return Problem(_("Mail waits until tomorrow (UTC): MAIL_DAILY_LIMIT is %(limit)s recipients. To send it today, "
                     "raise that, then run it now.", limit=limit), f"heroku config:set MAIL_DAILY_LIMIT={limit * 2}")


def mail_note(kind: str) -> str:
    """What the form of a kind has to say of where its mail goes, or ""."""
    settings = current_app.extensions["settings"]
    if kind != "email" or settings.smtp_url:
        return ""
    if settings.mails_nobody:
        return _("This is a review app: the mail will be in the outbox, unless MAIL_ALLOWED_DOMAINS says where it may "
                 "go.")
    return _("SMTP_URL is not set: the mail will be in the outbox.")


def in_outbox(job: dict) -> bool:
    """Whether the mail of a job is here to be seen."""
    return bool(job["finished_at"] and mail_note(job["kind"]) and outbox.find(store(), job["id"]))


def find(id: str) -> outbox.Mail:
    mail = outbox.find(store(), id)
    if mail is None:
        raise NotFound("This message is not in the outbox: the last hundred are, for a week.")
    return mail


def opened(id: str) -> outbox.Mail:
    """A message with what is in it, which may be a link that opens somebody's account."""
    return find(id) if is_owner() else abort(403, _("Only who signed in with API_TOKEN sees what is in a message."))


def parts(mail: outbox.Mail) -> list:
    return list(mail.message.iter_attachments())


def attached(part) -> dict:
    return {"name": part.get_filename(), "bytes": int(part["X-Size"]), "kept": files().get(part["X-File"]) is not None}
