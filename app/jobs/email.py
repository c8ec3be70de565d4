"""email: sends one message, through SMTP_URL or, without it, to the outbox on the page."""

import logging
import random
from typing import Annotated, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from app import allowance, files, mail, outbox
from app.address import MOST_RECIPIENTS, Address, Addresses, check_count, check_domains
from app.config import Settings
from app.kinds import OneLine, Params, kind
from app.redis_health import Problem

logger = logging.getLogger(__name__)

#: Of all attachments together. Few mail servers take more than 25 MB, and on the wire they are a third larger; a worker
#: that sends them has six times as much in memory.
MOST_ATTACHED_MB = 18
#: What MAIL_DAILY_LIMIT keeps for tomorrow goes then within so many seconds, not all at once.
SPREAD_SECONDS = 3600
MEND = "heroku config:set SMTP_URL=smtp://…"  # an example with a password would be masked


class DailyLimit(Exception):
    """MAIL_DAILY_LIMIT is used up: the mail goes tomorrow."""


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


#: In JSON Schema.
NOT_BLANK = {"type": "string", "pattern": r"\S"}


class Email(Params):
    model_config = ConfigDict(json_schema_extra={"anyOf": [
        {"required": [name], "properties": {name: NOT_BLANK}} for name in ("text", "html")]})

    to: Annotated[Addresses, Field(min_length=1, description="One address, or several")]
    subject: Annotated[OneLine, AfterValidator(_not_empty), Field(
        max_length=250, json_schema_extra={"allOf": [NOT_BLANK]}, examples=["Hello"])]
    html: str | None = Field(default=None, max_length=100_000, title="HTML",
                             json_schema_extra={"format": "textarea", "more": True, "private": True})
    text: str | None = Field(default=None, max_length=100_000, validate_default=True, examples=["See you at nine."],
                             json_schema_extra={"format": "textarea", "private": True})
    attachments: list[Annotated[str, Field(json_schema_extra={"format": "file"})]] = Field(
        default=[], max_length=10, description="Ids of files: uploads, results of jobs")
    reply_to: Annotated[Address | None, Field(json_schema_extra={"more": True})] = None
    cc: Annotated[Addresses, Field(json_schema_extra={"more": True})] = []
    bcc: Annotated[Addresses, Field(json_schema_extra={"more": True})] = []

    @field_validator("attachments")
    @classmethod
    def there(cls, value, info):
        app = (info.context or {}).get("app")  # only where it is accepted: later, its expiry is the job's failure
        found = {id: app.files.get(id) if files.is_file(id) else None for id in value} if app else {}
        for id, file in found.items():
            if file is None:
                raise ValueError(f"there is no file {id}; files are kept for RETENTION_DAYS")
        if app:
            check_size([found[id] for id in value])
        return value

    @field_validator("text")
    @classmethod
    def has_a_body(cls, value, info):
        if "html" in info.data and not (value or "").strip() and not (info.data["html"] or "").strip():
            raise ValueError("text or html is needed")
        return value

    @model_validator(mode="after")
    def not_too_many(self, info):
        everybody = [*self.to, *self.cc, *self.bcc]
        if len(everybody) > MOST_RECIPIENTS:
            raise ValueError(f"to, cc and bcc may have {MOST_RECIPIENTS} addresses together at most, not "
                             f"{len(everybody)}")
        if app := (info.context or {}).get("app"):  # later, whoever sends has to ask: the limit may be another
            check_count(len(set(everybody)), app.settings)
        return self


def check_size(attachments: list[files.File]) -> None:
    """Raises ValueError with a sentence."""
    size = sum(file.bytes for file in attachments)
    if size > MOST_ATTACHED_MB * 1e6:
        raise ValueError(f"attachments may have {MOST_ATTACHED_MB} MB together at most, not {size / 1e6:,.1f}")


def check(settings: Settings) -> list[Problem]:
    """Before a release: does the mail server let us in? Nothing is sent. Raises ValueError: it never will."""
    try:
        if settings.smtp_url:
            with mail.session(settings.smtp_url) as smtp:
                smtp.noop()
    except mail.Refused as error:
        raise ValueError(f"{str(error).rstrip('.')}: {MEND}") from None
    except mail.Undelivered as error:
        return [Problem(str(error), MEND)]
    return []


# What is thrown is in the record alone: it names addresses, which are not for the log.
@kind(autoretry_for=(mail.Undelivered, files.Away), throws=(mail.Refused, mail.Undelivered), max_retries=8,
      retry_backoff=15, retry_backoff_max=3600)
def email(job, params: Email):
    """Sends one email."""
    settings = job.app.settings
    message = mail.compose(
        # The same on every attempt: should one be sent twice after all, mail programs show it once.
        message_id=f"<{job.request.id}@{settings.mail_from.rpartition('@')[2]}>", sender=settings.mail_from,
        to=params.to, cc=params.cc, reply_to=params.reply_to, subject=params.subject, text=params.text,
        html=params.html, attachments=_attachments(job.app.files, params.attachments),
        request_id=job.request_id)
    done = job.cursor or {"accepted": [], "refused": {}}
    if done.pop("handing_over", False):
        # The one window that stays: the last attempt died between the server's yes and our note of it.
        logger.warning("the last attempt died while handing over; the mail may arrive twice")
    everybody = list(dict.fromkeys([*params.to, *params.cc, *params.bcc]))
    left = [address for address in everybody if address not in done["accepted"] and address not in done["refused"]]
    _check(left, settings)
    job.checkpoint()
    if left and settings.smtp_url:
        _hand_over(job, message, everybody, left, done)
    elif left:
        outbox.put(job.store, job.request.id, message, left, params.attachments)
        done["accepted"] += left
    if not done["accepted"]:
        raise mail.Refused("Nobody was accepted: " + "; ".join(f"{a}: {why}" for a, why in done["refused"].items()))
    return {"message_id": message["Message-ID"], "accepted": done["accepted"], "refused": list(done["refused"]),
            "reasons": done["refused"]}


def _check(recipients: list[str], settings) -> None:
    """Again, as the variable may have changed since the job was accepted, or none of our API accepted it."""
    try:
        check_domains(recipients, settings.mail_allowed_domains)
    except ValueError as error:
        raise mail.Refused(f"Nobody got anything: {error}.") from None


def _attachments(kept: files.Files, ids: list[str]) -> list[mail.Attachment]:
    found = [kept.get(id) for id in ids]
    if None in found:
        raise mail.Refused(f"The attachment {ids[found.index(None)]} has expired.")
    try:
        check_size(found)  # again, as another file may have taken the place of one, or none of our API accepted the job
    except ValueError as error:
        raise mail.Refused(f"Nobody got anything: {error}.") from None
    return [mail.Attachment(file.name, file.type, b"".join(kept.read(file))) for file in found]


def _hand_over(job, message, everybody, recipients: list[str], done: dict) -> None:
    """Send to who is left, if today's limit allows it."""
    limit, before = job.app.settings.mail_daily_limit, len(done["accepted"])
    if not limit:
        return _send(job, message, everybody, recipients, done)
    try:
        check_count(len(recipients), job.app.settings)
    except ValueError as error:
        raise mail.Refused(f"{error}.") from None
    taken = allowance.take(job.store, len(recipients), limit)
    if not taken:
        _put_off(job, limit)
    try:
        _send(job, message, everybody, recipients, done)
    finally:  # a worker that dies here may have sent it: then it stays counted
        allowance.give_back(job.store, taken, len(recipients) + before - len(done["accepted"]))


def _put_off(job, limit: int) -> NoReturn:
    why = DailyLimit(f"MAIL_DAILY_LIMIT is {limit} recipients a day, and there is no room for these today. The mail "
                     "goes tomorrow (UTC).")
    logger.warning("%s", why)
    job.put_off(allowance.tomorrow(job.store) + random.uniform(0, SPREAD_SECONDS), why)


def _send(job, message, everybody, recipients: list[str], done: dict) -> None:
    """Note who has it before anything else can go wrong."""
    settings = job.app.settings
    try:
        with mail.session(settings.smtp_url) as smtp:
            job.save({**done, "handing_over": True})
            refused = mail.send(smtp, message, settings.mail_from, recipients)
            done["accepted"] += [address for address in recipients if address not in refused]
            done["refused"] |= {a: f"{code} {words}" for a, (code, words) in refused.items() if code >= 500}
            job.save(done)
    except (mail.Refused, mail.Undelivered):
        if len(done["accepted"]) + len(done["refused"]) == len(everybody):
            return  # it failed after the last recipient's answer, at saying goodbye
        job.save(done)
        raise
    later = {address: answer for address, answer in refused.items() if answer[0] < 500}
    if later:
        raise mail.Undelivered("Not accepted yet: " + "; ".join(f"{a}: {c} {w}" for a, (c, w) in later.items()))
