"""The life of one job, as its page tells it: accepted, due, each attempt, what people asked for, the end."""

from datetime import datetime

from app import states
from app.web.language import _, gettext

#: store.lua keeps so many attempts.
KEPT = 20
#: What each outcome of an attempt means to a reader.
OUTCOMES = {
    "succeeded": "succeeded", "failed": "failed", "retried": "failed, to be tried again", "lost": "its worker died",
    "interrupted": "made way for a stopping worker", "cancelled": "stopped", "rejected": "handed back",
    "put off": "put off",
}
#: Those that are no failure, and not the end either.
QUIET = ("interrupted", "put off")
ACTS = {"retry": "Retried by a person", "cancel": "Cancelled by a person", "run_now": "Run now, by a person",
        "reschedule": "Rescheduled by a person"}


def timeline(job: dict) -> list[dict]:
    """Entries in their order: `at` (ISO 8601), `text`, and where they say more `state`, `worker`, `took` (seconds),
    `error`."""
    entries = [{"at": job["created_at"], "text": _("Accepted"), "state": None}]
    if len(job["attempts"]) >= KEPT:
        entries.append({"at": job["attempts"][0]["started_at"] or job["created_at"], "state": None,
                        "text": _("Only the last %(n)s attempts are kept", n=KEPT)})
    entries += [{"at": act["at"], "text": gettext(ACTS[act["act"]]), "via": act["by"]} for act in job["acts"]]
    entries += [attempt(entry) for entry in job["attempts"]]
    if job["due_at"] > job["created_at"] and job["state"] in (states.SCHEDULED, states.QUEUED):
        entries.append({"at": job["due_at"], "text": _("Due"), "state": states.SCHEDULED})
    if job["state"] == states.RUNNING:
        entries.append({"at": job["started_at"], "text": _("Attempt %(n)s: running", n=job["attempt"]),
                        "state": states.RUNNING, "worker": job["worker"]})
    if job["finished_at"]:
        entries.append({"at": job["finished_at"], "state": job["state"], "text": {
            states.SUCCEEDED: _("Done"), states.FAILED: _("Failed for good"), states.CANCELLED: _("Cancelled"),
        }[job["state"]]})
    return sorted(entries, key=lambda entry: entry["at"])


def attempt(entry: dict) -> dict:
    state = states.SUCCEEDED if entry["outcome"] == "succeeded" else None if entry["outcome"] in QUIET else (
        states.CANCELLED if entry["outcome"] == "cancelled" else states.FAILED)
    took = entry["started_at"] and (datetime.fromisoformat(entry["ended_at"])
                                    - datetime.fromisoformat(entry["started_at"])).total_seconds()
    return {"at": entry["started_at"] or entry["ended_at"], "took": took, "worker": entry["worker"],
            "state": state, "error": entry["error"],
            "text": _("Attempt %(n)s: %(outcome)s", n=entry["attempt"], outcome=gettext(OUTCOMES[entry["outcome"]]))}
