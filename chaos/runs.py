"""What ran when it must not: twice, at the same time as another run, out of turn, though cancelled, without a lease."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence, Run

#: A run may take this much longer on the ledger than in its record: they were read from two clocks.
SETTLED_SECONDS = 0.3


def twice(evidence: Evidence) -> tuple[dict, list[str]]:
    """A run that came to its end, and died before it could say so, is run again; one that had ended is not."""
    causes, breaches = Counter(), []
    for id, runs in evidence.runs.items():
        if evidence.attempts(id).count("succeeded") > 1:
            breaches.append(f"completed twice: job {id} succeeded more than once")
        for step in {run.step for run in runs}:
            of_step = [run for run in runs if run.step == step]
            ended = next((run for run in of_step if run.end), None)
            for run in of_step[of_step.index(ended) + 1:] if ended else ():
                cause = evidence.cause(ended, run.start)
                causes[cause] += bool(run.end)
                if not evidence.broken_off(ended, run.start):
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


def held(evidence: Evidence) -> tuple[dict, list[str]]:
    """Only the run that holds the lease settles a job, and none loses it that could renew it."""
    breaches = [f"lease taken away: job {id} on {run.dyno} {run.last - run.start:.1f} s after its start"
                for id, runs in evidence.runs.items() for run in runs
                if run.lost and not evidence.out_of_touch(run, run.last)]
    for id, record in evidence.records.items():
        if record["state"] != "succeeded" or not evidence.of(id) or record["took"] is None:
            continue
        if record["took"] < 0:  # the clock of Redis was set back before it was settled, maybe long after its end
            continue
        last = evidence.of(id)[-1]
        if last.last - last.start > record["took"] + SETTLED_SECONDS and not (
                evidence.out_of_touch(last, last.last) or evidence.stepped(last.start, last.last)):
            breaches.append(f"settled by another: job {id}, {record['took']:.1f} s after its start on {last.dyno}, "
                            f"which ran it for {last.last - last.start:.1f} s")
    return {}, breaches


def lanes(evidence: Evidence) -> tuple[dict, list[str]]:
    """In each lane one at a time, in the order in which they were accepted, unless the clock of Redis was stepped
    meanwhile: a job of a bulk is due a millisecond after that, and has its place from then on."""
    breaches, of_lane = [], defaultdict(list)
    for id, accepted in sorted(evidence.accepted.items(), key=lambda item: item[1]["place"]):
        if accepted["lane"] and evidence.of(id):
            of_lane[accepted["lane"]].append(evidence.of(id))
    for name, jobs in of_lane.items():
        for before, after in zip(jobs, jobs[1:]):
            late = [run for run in before if max(run.start, run.last) > after[0].start
                    and not evidence.out_of_touch(run, after[0].start)]
            if late and not evidence.stepped(evidence.accepted[late[0].job]["sent"], after[0].start):
                breaches.append(f"out of turn: in lane {name} {after[0].job} was started before {late[0].job} ended")
    return {"jobs in lanes, in order": sum(map(len, of_lane.values())) - len(breaches)}, breaches


def cancelled(evidence: Evidence) -> tuple[dict, list[str]]:
    breaches, asked = [], {line["job"] for line in evidence.told["cancel"]}
    for line in evidence.told["cancel"]:
        if line["state"] == "cancelled":
            breaches += [f"cancelled, yet started: job {run.job}" for run in evidence.of(line["job"])
                         if run.start > line["at"] and not evidence.out_of_touch(run, run.start)]
            breaches += [f"cancelled, yet mailed: job {line['job']}" for mail in evidence.mailed(line["job"])
                         if mail["at"] > line["at"] and not broken_off(evidence, line["job"])]
    breaches += [f"cancelled by nobody: job {id}" for id, record in evidence.records.items()
                 if record["state"] == "cancelled" and id not in asked]
    return {"asked to be cancelled": len(asked)}, breaches


def mails(evidence: Evidence) -> tuple[dict, list[str]]:
    """Twice to somebody only when a worker ended, or was out of touch, between the mail server's yes and our note."""
    causes, breaches, jobs = Counter(), [], {mail["job"] for mail in evidence.told["mail"]}
    for id in jobs:
        address, times = Counter(to for mail in evidence.mailed(id) for to in mail["to"]).most_common(1)[0]
        why = broken_off(evidence, id)
        causes.update(why[:times - 1])
        if times - 1 > len(why) and id in evidence.records:
            breaches.append(f"mailed {times} times: job {id} to {address}, whose attempts ended "
                            + ", ".join(evidence.attempts(id)))
    words = {"lost": "its worker died or was out of touch", "interrupted": "its worker was stopped"}
    return {"emails": len(jobs), "  handed over twice": sum(causes.values())} | {
        f"    {words[how]}": n for how, n in causes.items()}, breaches


def broken_off(evidence: Evidence, job: str) -> list[str]:
    """How attempts ended whose worker died, was out of touch or was stopped."""
    return [how for how in evidence.attempts(job) if how in ("lost", "interrupted")]
