"""push: a notification to phones and browsers, by Firebase Cloud Messaging."""

import json
import random
import time
from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app import firebase
from app.config import Settings
from app.kinds import OneLine, Params, kind
from app.redis_health import Problem

#: Tokens of one job, and all their characters, so that the result, which has them again, may be kept.
MOST_TOKENS, MOST_CHARS = 500, 60_000
#: Bytes that Firebase takes, of title, body and data together.
MOST_BYTES = 4096
#: When so many in a row could not be sent for now, the rest need not be tried now either.
PATIENCE = 3
MOST_RETRIES = 8
FOUR_WEEKS = 28 * 86400

Token = Annotated[str, Field(pattern="^[A-Za-z0-9_:.~+/=%-]+$", max_length=4096)]
PRIVATE = {"private": True}


class Push(Params):
    model_config = ConfigDict(json_schema_extra={"allOf": [
        {"oneOf": [{"required": [name]} for name in ("token", "tokens", "topic")]},
        {"anyOf": [{"required": [name], "properties": {name: rule}} for name, rule in (
            ("title", {"type": "string", "pattern": r"\S"}), ("body", {"type": "string", "minLength": 1}),
            ("data", {"minProperties": 1}))]}]})

    token: Annotated[Token, Field(description="Of a device: its registration token", json_schema_extra=PRIVATE,
                                  examples=["dQw4w9WgXcQ:APA91bH"])] = None
    tokens: Annotated[list[Token], Field(min_length=1, max_length=MOST_TOKENS, description="Of several",
                                         json_schema_extra=PRIVATE)] = None
    topic: Annotated[str, Field(pattern="^[A-Za-z0-9_.~%-]{1,900}$", description="Or all that subscribe to it")] = None
    title: OneLine = Field(default="", max_length=250, examples=["Your table is ready"])
    body: str = Field(default="", max_length=2000, json_schema_extra={"format": "textarea", "private": True})
    data: dict[str, str] = Field(default={}, max_length=100, description="For the app: names and texts",
                                 json_schema_extra={"more": True, "private": True})
    ttl: int | None = Field(default=None, ge=0, le=FOUR_WEEKS, title="TTL", json_schema_extra={"more": True},
                            description="Seconds that a device may be out of reach; without it four weeks")
    image: str | None = Field(default=None, pattern="^https://[!-~]+$", max_length=2000, description="https://…",
                              json_schema_extra={"more": True})

    @model_validator(mode="after")
    def can_go(self, info):
        if len([to for to in (self.token, self.tokens, self.topic) if to is not None]) != 1:
            raise ValueError("give token, tokens or topic, one of them")
        if not (self.title or self.body or self.data):
            raise ValueError("title, body or data is needed")
        size = len(json.dumps([self.title, self.body, self.data], ensure_ascii=False).encode())
        if size > MOST_BYTES:
            raise ValueError(f"title, body and data may have {MOST_BYTES:,} bytes together, not {size:,}")
        if (chars := sum(map(len, self.tokens or ()))) > MOST_CHARS:
            raise ValueError(f"tokens may have {MOST_CHARS:,} characters together, not {chars:,}: make several jobs")
        app = (info.context or {}).get("app")
        if app and not app.settings.firebase:
            raise ValueError(f"this app sends no push messages: FIREBASE_SERVICE_ACCOUNT is not set; {firebase.MEND}")
        return self


class Sent(BaseModel):
    """Tokens, or the topic: `invalid` are of no use any more, `refused` may be for another of your apps."""

    accepted: Annotated[list[str], Field(json_schema_extra=PRIVATE)]
    invalid: Annotated[list[str], Field(json_schema_extra=PRIVATE)]
    refused: Annotated[list[str], Field(json_schema_extra=PRIVATE)]
    reasons: dict[str, int]  # how often Firebase gave each


def check(settings: Settings) -> list[Problem]:
    """Before a release: does Google know the service account? Nothing is sent. Raises ValueError: it never will."""
    try:
        if settings.firebase:
            firebase.access_token(settings.firebase)
    except firebase.Refused as error:
        raise ValueError(str(error)) from None
    except firebase.Undelivered as error:
        return [Problem(str(error), "heroku config:get FIREBASE_SERVICE_ACCOUNT")]
    return []


# resultrepr_maxsize: Celery would log the beginning of the result, which names devices.
@kind(throws=(firebase.Refused, firebase.Undelivered), max_retries=MOST_RETRIES, resultrepr_maxsize=1)
def push(job, params: Push) -> Sent:
    """Sends a notification to devices, by Firebase."""
    targets = [params.topic] if params.topic else list(dict.fromkeys(params.tokens or [params.token]))
    # One answer for each: None for not yet, "" for yes, else Firebase's code, with a ! where the token is invalid.
    answers = job.cursor or [None] * len(targets)
    try:
        with firebase.session(job.app.settings) as session:
            _send_all(job, session, params, targets, answers)
    except firebase.Undelivered as error:
        raise job.retry(exc=error, countdown=_pause(job.request.retries, error.wait)) from None
    reasons = Counter(answer.strip("!") for answer in answers if answer)
    return Sent(accepted=_those(targets, answers, lambda answer: not answer),
                invalid=_those(targets, answers, lambda answer: answer.endswith("!")),
                refused=_those(targets, answers, lambda answer: answer and not answer.endswith("!")),
                reasons=reasons)


def _send_all(job, session: firebase.Firebase, params: Push, targets: list[str], answers: list[str | None]) -> None:
    """To who is left. Each answer is noted before the next message goes out: a worker that dies sends one twice, the
    one whose answer it waited for. Raises firebase.Undelivered for those that it could not be sent to for now."""
    later, in_a_row = [], 0
    for number, to in enumerate(targets):
        if answers[number] is not None:
            continue
        job.checkpoint(number, len(targets), resumable=True)
        try:
            answers[number] = _send(session, _message(params, to, job.request.id))
            job.save(answers)
            in_a_row = 0
        except firebase.Undelivered as error:
            later.append(error)
            in_a_row += 1
            if error.all or in_a_row == PATIENCE:
                break
    if later:
        left = answers.count(None)
        raise firebase.Undelivered(f"{later[-1]} ({left} of {len(targets)} not sent yet)",
                                   max(error.wait for error in later))


def _send(session: firebase.Firebase, message: dict) -> str:
    try:
        session.send(message)
        return ""
    except firebase.Rejected as error:
        return error.code + "!" * error.invalid


def _message(params: Push, to: str, id: str) -> dict:
    """With the job's id as what replaces an earlier one: should it be sent twice after all, a phone shows it once."""
    message = {"topic" if params.topic else "token": to}
    shown = {name: value for name in ("title", "body", "image") if (value := getattr(params, name))}
    android, apns = {}, {}
    if shown:
        message["notification"] = shown
        android["notification"], apns["apns-collapse-id"] = {"tag": id}, id[:64]
    if params.data:
        message["data"] = params.data
    if params.ttl is not None:
        android["ttl"], apns["apns-expiration"] = f"{params.ttl}s", str(int(time.time()) + params.ttl)
        message["webpush"] = {"headers": {"TTL": str(params.ttl)}}
    return message | ({"android": android} if android else {}) | ({"apns": {"headers": apns}} if apns else {})


def _pause(retries: int, wait: float) -> float:
    """Twice as long each time, and as long as Google asks; spread by chance, so that jobs do not come back at once."""
    return max(firebase.PAUSE_SECONDS * 2**retries, wait) * random.uniform(1, 1.2)


def _those(targets: list[str], answers: list[str], which) -> list[str]:
    return [to for to, answer in zip(targets, answers) if which(answer)]
