"""Reads a ledger: what became of each job that was accepted, and which promise is broken.

Nothing is believed of the records alone: what a record says succeeded must have come to its end on the ledger, and
where something happened twice or at the same time, a fault must have touched that run, else it is a breach.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chaos.evidence import FELT_LEASES, Evidence, Run
from chaos.ledger import read

ENDED = ("succeeded", "failed", "cancelled")
#: Seconds of difference between two clocks that were read one after the other.
EARLY_SECONDS = 0.05


@dataclass
class Verdict:
    rows: list[tuple[str, str | int]] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


def reconcile(path: Path) -> Verdict:
    evidence, verdict = Evidence(read(path)), Verdict()
    for look in (accounts, records, followed, twice, at_once, lanes, cancelled, mails, starts, again, answers):
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
    names = ("finished", "failed for their own reason", "failed: a worker died on every attempt", "cancelled",
             "failed for no reason", "lost")
    singular = {"failed for their own reason": "failed", "failed: a worker died on every attempt": "died"}
    rows = {"accepted": len(evidence.accepted)} | {
        f"  {name}": counts[singular.get(name, name)] for name in names}
    return rows | {"made by jobs and schedules": len(others)}, breaches


def fate(evidence: Evidence, id: str, accepted: dict) -> str:
    record = evidence.records.get(id)
    if record is None:  # ended jobs are forgotten to make room; what it did is on the ledger
        made_room = any(fault["name"] == "fill_redis" for fault in evidence.faults)
        done = any(run.end for run in evidence.of(id)) or any(mail["job"] == id for mail in evidence.told["mail"])
        was_cancelled = any(line["job"] == id for line in evidence.told["cancel"])
        gave_up = accepted["fails"] == "always" and evidence.of(id)
        known = "finished" if done else "cancelled" if was_cancelled else "failed" if gave_up else "lost"
        return known if made_room else "lost"
    if record["state"] == "succeeded":
        return "finished"
    if record["state"] == "cancelled":
        return "cancelled"
    if record["state"] != "failed":
        return "lost"
    if accepted["fails"] == "always":
        return "failed"
    died = (record["error"] or {}).get("type") == "WorkerLost" and len(record["attempts"]) >= record["most"]
    return "died" if died else "failed for no reason"


def records(evidence: Evidence) -> tuple[dict, list[str]]:
    """What a record says to be done came to its end on the ledger."""
    breaches, mailed = [], {mail["job"] for mail in evidence.told["mail"]}
    for id, record in evidence.records.items():
        done = id in mailed if record["kind"] == "email" else any(run.end for run in evidence.of(id) if run.step != 0)
        if record["state"] == "succeeded" and not done:
            breaches.append(f"not run: job {id} ({record['kind']}) is said to have succeeded")
    return {}, breaches


def followed(evidence: Evidence) -> tuple[dict, list[str]]:
    """What starts when a job of a kind has succeeded, starts once for each."""
    followers = defaultdict(set)
    for runs in evidence.runs.values():
        if runs[0].after:
            followers[runs[0].after].add(runs[0].job)
    leaders = [id for id, record in evidence.records.items()
               if followers and record["kind"] == "chaos_leads" and record["state"] == "succeeded"]
    return {"jobs that another follows": len(leaders)}, [
        f"followed by {len(followers[id])} jobs, not one: job {id}" for id in leaders if len(followers[id]) != 1]


def twice(evidence: Evidence) -> tuple[dict, list[str]]:
    """A run that came to its end, and died before it could say so, is run again; one that had ended is not."""
    causes, breaches = Counter(), []
    for id, runs in evidence.runs.items():
        if evidence.records.get(id, {}).get("attempts", []).count("succeeded") > 1:
            breaches.append(f"completed twice: job {id} succeeded more than once")
        for step in {run.step for run in runs}:
            of_step = [run for run in runs if run.step == step]
            ended = next((run for run in of_step if run.end), None)
            for run in of_step[of_step.index(ended) + 1:] if ended else ():
                cause = evidence.cause(ended, run.start)
                causes[cause] += bool(run.end)
                if cause is None:
                    breaches.append(f"completed twice: job {id} ended on {ended.dyno} and was started again on "
                                    f"{run.dyno} {run.start - ended.end:.1f} s later, without a fault")
    excused = {f"  ran to its end before, unnoted: {cause}": n for cause, n in causes.items() if cause and n}
    return {"completed twice": len(breaches)} | excused, breaches


def at_once(evidence: Evidence) -> tuple[dict, list[str]]:
    """No two runs of a job while the first holds its lease."""
    excused, breaches = 0, []
    for id, runs in evidence.runs.items():
        for one, other in pairs(runs):
            if evidence.out_of_touch(one, other.start):
                excused += 1
            else:
                breaches.append(f"two runs at once: job {id} ran on {one.dyno} for {one.last - other.start:.1f} s "
                                f"after it was started on {other.dyno}")
    return {"ran two at once while leases held": len(breaches), "  after a lease was lost": excused}, breaches


def pairs(runs: list[Run]) -> Iterator[tuple[Run, Run]]:
    """Of which the first still went on when the second started."""
    for number, one in enumerate(runs):
        for other in runs[number + 1:]:
            if other.start < one.last:
                yield one, other


def lanes(evidence: Evidence) -> tuple[dict, list[str]]:
    """In each lane one at a time, in the order in which they were accepted."""
    breaches, of_lane = [], defaultdict(list)
    for id, accepted in sorted(evidence.accepted.items(), key=lambda item: item[1]["place"]):
        if accepted["lane"] and evidence.of(id):
            of_lane[accepted["lane"]].append(evidence.of(id))
    for name, jobs in of_lane.items():
        for before, after in zip(jobs, jobs[1:]):
            late = [run for run in before if max(run.start, run.last) > after[0].start
                    and not evidence.out_of_touch(run, after[0].start)]
            if late:
                breaches.append(f"out of turn: in lane {name} {after[0].job} was started before {late[0].job} ended")
    return {"jobs in lanes, in order": sum(map(len, of_lane.values())) - len(breaches)}, breaches


def cancelled(evidence: Evidence) -> tuple[dict, list[str]]:
    breaches, asked = [], {line["job"] for line in evidence.told["cancel"]}
    for line in evidence.told["cancel"]:
        if line["state"] == "cancelled":
            breaches += [f"cancelled, yet started: job {run.job}" for run in evidence.of(line["job"])
                         if run.start > line["at"] and not evidence.out_of_touch(run, run.start)]
    breaches += [f"cancelled by nobody: job {id}" for id, record in evidence.records.items()
                 if record["state"] == "cancelled" and id not in asked]
    return {"asked to be cancelled": len(asked)}, breaches


def mails(evidence: Evidence) -> tuple[dict, list[str]]:
    """Twice only when a worker died, or was out of touch, between the mail server's yes and our note of it."""
    causes, breaches = Counter(), []
    for id, times in Counter(mail["job"] for mail in evidence.told["mail"]).items():
        attempts = evidence.records.get(id, {}).get("attempts", [])
        why = [how for how in attempts if how in ("lost", "interrupted")]
        for how in why[:times - 1]:
            causes[how] += 1
        if times - 1 > len(why) and id in evidence.records:
            breaches.append(f"mailed {times} times: job {id}, whose attempts ended {', '.join(attempts)}")
    words = {"lost": "its worker died or was out of touch", "interrupted": "its worker was stopped"}
    return {"emails": len({mail["job"] for mail in evidence.told["mail"]})} | {
        f"  handed over twice: {words[how]}": n for how, n in causes.items()}, breaches


def starts(evidence: Evidence) -> tuple[dict, list[str]]:
    """Never early; and how late at most, by what went on meanwhile."""
    stepped = any(fault["name"] == "step_redis_clock" for fault in evidence.faults)
    late, breaches = defaultdict(list), []
    for id, accepted in evidence.accepted.items():
        first = next(iter(evidence.of(id)), None)
        if first is None or accepted["lane"]:
            continue
        if not stepped and first.start < accepted["sent"] + accepted["delay"] - EARLY_SECONDS:
            breaches.append(f"early: job {id} by {accepted['sent'] + accepted['delay'] - first.start:.2f} s")
        due = accepted["at"] + accepted["delay"]
        late[meanwhile(evidence, due, first.start)].append(max(0, first.start - due))
    return {"latest start, beyond due, by what went on": "", **longest(late)}, breaches


def again(evidence: Evidence) -> tuple[dict, list[str]]:
    """How long what was broken off waits for its next run."""
    waited = defaultdict(list)
    for runs in evidence.runs.values():
        for one, other in zip(runs, runs[1:]):
            if one.end is None and not one.failed and (cause := evidence.cause(one, other.start)):
                waited[cause].append(max(0, other.start - one.last))
    return {"latest start again, after a run was broken off": "", **longest(waited)}, []


def longest(found: dict[str, list[float]]) -> dict[str, str]:
    ranked = sorted(found.items(), key=lambda item: -max(item[1]))
    return {f"  {cause}": f"{max(seconds):.1f} s, of {len(seconds)}" for cause, seconds in ranked}


def meanwhile(evidence: Evidence, since: float, until: float) -> str:
    """The fault that was felt for longest in that time."""
    felt = evidence.lease * FELT_LEASES
    spans = [(min(until, fault["at"] + felt) - max(since, fault["began"]), fault["name"]) for fault in evidence.faults]
    longest, name = max(spans, default=(0, ""))
    return name if longest > 0 else "nothing"


def answers(evidence: Evidence) -> tuple[dict, list[str]]:
    refused, unanswered = evidence.told["refused"], evidence.told["unanswered"]
    return {"requests refused or not answered in the end": len(refused) + len(unanswered)}, [
        *(f"refused: {line['path']} with {line['status']} {line['text']}" for line in refused),
        *(f"not answered, though nothing was wrong any longer: {line['path']}" for line in unanswered)]
