"""webhook: tells a URL how a job has ended, signed as Standard Webhooks says. Every job with `notify` ends in one."""

import hmac
import json
import random
import time
from base64 import b64decode, b64encode

from pydantic import Field, field_validator

from app import NAME, outgoing, record, states
from app.kinds import Kind, Params, kind, kinds
from app.masking import masked

#: Seconds before each further attempt, as the specification has them, and up to a fifth more: some 32 hours in all.
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400)
#: What is nobody's business outside.
INSIDE = ("worker", "attempts", "acts", "cancel_requested", "notify")


class Webhook(Params):
    job: str = Field(description="Id of the job that has ended", json_schema_extra={"format": "job"})
    url: str = Field(title="URL", description="Where to tell it: https://…",
                     json_schema_extra={"format": "uri", "private": True})
    label: str = Field(default="", max_length=100, description="What the list calls it",
                       json_schema_extra={"more": True})

    @field_validator("job")
    @classmethod
    def there(cls, value, info):
        context = info.context or {}
        app = context.get("app")  # only where it is accepted: later, that it is gone is the job's failure
        if app and value != context.get("new") and not app.store.get(value):
            raise ValueError("there is no such job")
        return value

    @field_validator("url")
    @classmethod
    def may_be_told(cls, value, info):
        app = (info.context or {}).get("app")
        if app and not app.settings.webhook_secrets:
            raise ValueError("this app signs no webhooks: WEBHOOK_SECRET is not set")
        if app:
            outgoing.check(value, app.settings.webhook_private_hosts)
        return value


@kind(throws=(outgoing.Refused, outgoing.Undelivered), max_retries=len(DELAYS))
def webhook(job, params: Webhook):
    """Tells a URL how a job has ended."""
    settings = job.app.settings
    # The job may be forgotten, or tried again, before whom it tells can be reached.
    body = job.cursor.encode() if job.cursor else _payload(job.store.get(params.job), kinds(job.app))
    headers = _headers(settings.webhook_secrets, job.request.id, int(time.time()), body)
    job.checkpoint()
    try:
        # Should the worker die before the yes is noted, it is sent again, under the same webhook-id.
        return {"status": outgoing.post(params.url, body, headers, settings.webhook_private_hosts)}
    except outgoing.Undelivered as error:
        job.save(body.decode())
        delay = DELAYS[min(job.request.retries, len(DELAYS) - 1)] * random.uniform(1, 1.2)
        raise job.retry(exc=error, countdown=max(delay, error.wait)) from None


def _payload(ended: dict | None, kinds: dict[str, Kind]) -> bytes:
    """The job as the API tells of it, but for secrets and what is only ours."""
    if ended is None:
        raise outgoing.Refused("The job has been deleted; there is nothing left to tell.")
    if ended["state"] not in states.FINISHED:
        raise outgoing.Refused(f"The job is {ended['state']}; what it ends in is for another webhook to tell.")
    job, kind = record.as_json(ended), kinds.get(ended.get("kind"))
    told = {name: value for name, value in job.items() if name not in INSIDE}
    told |= {"params": masked(job["params"], kind and kind.params.model_json_schema()),
             "result": masked(job["result"], kind and kind.result)}
    payload = {"type": f"job.{job['state']}", "timestamp": job["finished_at"], "data": told}
    return json.dumps(payload, separators=(",", ":")).encode()


def _headers(secrets: tuple[str, ...], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """With a signature by each secret: a receiver that knows the old one or the new finds its own."""
    if not secrets:
        raise outgoing.Refused("WEBHOOK_SECRET is not set, and nothing goes out unsigned.")
    signed = f"{id}.{timestamp}.".encode() + body
    macs = [hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256") for secret in secrets]
    return {"content-type": "application/json", "user-agent": f"{NAME} webhooks", "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{b64encode(mac).decode()}" for mac in macs)}
