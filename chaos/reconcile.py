"""Reads a ledger: what became of each job that was accepted, and which promise is broken.

Nothing is believed of the records alone: what a record says succeeded must have come to its end on the ledger, and
where something happened twice or at the same time, a fault must have touched that run, else it is a breach.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from chaos.delays import again, starts
from chaos.evidence import Evidence
from chaos.ledger import read
from chaos.runs import at_once, cancelled, held, lanes, mails, twice

ENDED = ("succeeded", "failed", "cancelled")
OUTCOMES = {"finished": "finished", "failed": "failed for their own reason", "cancelled": "cancelled",
            "died": "failed: a worker died on the last attempt", "failed for no reason": "failed for no reason",
            "lost": "lost"}
#: How attempts end that count; one that a stopping worker gave back does not.
COUNTED = ("retried", "lost")
#: Kinds that nobody asks for.
MADE_BY_JOBS = ("chaos_step", "chaos_follows")
#: Between two occurrences of a schedule of each minute; one may be missed in an outage, or as a clock jumps.
MOST_MINUTES = 2


@dataclass
class Verdict:
    rows: list[tuple[str, str | int]] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return "A promise is broken." if self.breaches else "Every promise was kept."


def reconcile(path: Path) -> Verdict:
    evidence, verdict = Evidence(read(path)), Verdict()
    for look in (accounts, records, followed, recurring, twice, at_once, held, lanes, cancelled, mails, answers, starts,
                 again, broken):
        rows, breaches = look(evidence)
        verdict.rows += rows.items()
        verdict.breaches += breaches
    return verdict


def accounts(evidence: Evidence) -> tuple[dict, list[str]]:
    """accepted = finished + failed for their own reason + cancelled"""
    counts, breaches = Counter(), []
    for id, accepted in evidence.accepted.items():
        outcome = fate(evidence, id, accepted)
        counts[outcome] += 1
        if outcome in ("lost", "failed for no reason"):
            record = evidence.records.get(id)
            breaches.append(f"{outcome}: job {id} ({accepted['kind']}): "
                            + (f"{record['state']}, {record['error']}" if record else "no record"))
    others = [line for id, line in evidence.records.items() if id not in evidence.accepted]
    breaches += [f"lost: job {line['job']} ({line['kind']}), which a job or a schedule made, is {line['state']}"
                 for line in others if line["state"] not in ENDED]
    breaches += [f"accepted twice: job {line['job']} ({line['kind']}) was asked for by nobody"
                 for line in others if not (line["schedule"] or line["kind"].endswith(MADE_BY_JOBS))]
    rows = {"accepted": len(evidence.accepted)} | {f"  {words}": counts[name] for name, words in OUTCOMES.items()}
    return rows | {"made by jobs and schedules": len(others)}, breaches


def fate(evidence: Evidence, id: str, accepted: dict) -> str:
    record = evidence.records.get(id)
    if record is None:
        return forgotten(evidence, id, accepted) or "lost"
    if record["state"] == "succeeded":
        return "finished"
    if record["state"] == "cancelled":
        return "cancelled"
    if record["state"] != "failed":
        return "lost"
    error = (record["error"] or {}).get("type")
    if accepted["fails"] == "always" and error == "ValueError":
        return "failed"
    died = error == "WorkerLost" and sum(how in COUNTED for how in record["attempts"]) >= record["most"]
    return "died" if died else "failed for no reason"


def forgotten(evidence: Evidence, id: str, accepted: dict) -> str | None:
    """A full Redis forgets jobs that have ended to make room for others. What they did is on the ledger."""
    runs, mailed = evidence.of(id), evidence.mailed(id)
    asked = [line["at"] for line in evidence.told["cancel"] if line["job"] == id]
    ends = {"finished": [run.end for run in runs if run.end and run.step != 0] + [mail["at"] for mail in mailed],
            "cancelled": asked,
            "failed": [run.last for run in runs if run.failed and accepted["fails"] == "always"]}
    for outcome, times in ends.items():
        if times and any(fault["name"] == "fill_redis" and fault["at"] > min(times) for fault in evidence.faults):
            return outcome


def records(evidence: Evidence) -> tuple[dict, list[str]]:
    """What a record says to be done came to its end on the ledger."""
    breaches = []
    for id, record in evidence.records.items():
        if record["kind"] == "email":
            wanted = set(evidence.accepted.get(id, {}).get("to") or ())
            done = not wanted - {to for mail in evidence.mailed(id) for to in mail["to"]}
        else:
            done = any(run.end for run in evidence.of(id) if run.step != 0)
        if record["state"] == "succeeded" and not done:
            breaches.append(f"not run: job {id} ({record['kind']}) is said to have succeeded")
    return {}, breaches


def followed(evidence: Evidence) -> tuple[dict, list[str]]:
    """What starts when a job of a kind has succeeded, starts once for each."""
    followers = defaultdict(set)
    for runs in evidence.runs.values():
        if runs[0].after:
            followers[runs[0].after].add(runs[0].job)
    leaders = [id for id, record in evidence.records.items() if evidence.setting.get("follows")
               and record["kind"] == "chaos_leads" and record["state"] == "succeeded"]
    return {"jobs that another follows": len(leaders)}, [
        f"followed by {len(followers[id])} jobs, not one: job {id}" for id in leaders if len(followers[id]) != 1]


def recurring(evidence: Evidence) -> tuple[dict, list[str]]:
    """Each minute one job, or one for those that were missed in an outage; none here lasts for a minute."""
    due, breaches = defaultdict(list), []
    for record in evidence.records.values():
        if record["schedule"]:
            due[record["schedule"]].append(record["due"])
    for schedule, _, at in (id.rpartition("-") for id in evidence.runs if id not in evidence.records):
        if schedule in due:  # a full Redis forgot it
            due[schedule].append(int(at))
    for schedule, times in due.items():
        times.sort()
        for one, other in zip(times, times[1:]):
            if one == other:
                breaches.append(f"fired twice: schedule {schedule} for {one}")
            elif other - one > MOST_MINUTES * 60_000:
                breaches.append(f"not fired: schedule {schedule} for {(other - one) / 60_000 - 1:.0f} minutes")
    return {"occurrences of a schedule": sum(map(len, due.values()))}, breaches


def answers(evidence: Evidence) -> tuple[dict, list[str]]:
    refused, unanswered = evidence.told["refused"], evidence.told["unanswered"]
    return {"requests refused or not answered in the end": len(refused) + len(unanswered)}, [
        *(f"refused: {line['path']} with {line['status']} {line['text']}" for line in refused),
        *(f"not answered, though nothing was wrong any longer: {line['path']}" for line in unanswered)]


def broken(evidence: Evidence) -> tuple[dict, list[str]]:
    counts = Counter(fault["name"] for fault in evidence.faults)
    return {"faults": sum(counts.values())} | {f"  {name}": n for name, n in sorted(counts.items())}, []
