"""How late jobs started, and what went on meanwhile."""

from collections import defaultdict

from chaos.evidence import Evidence

#: Seconds of difference between two clocks that were read one after the other.
EARLY_SECONDS = 0.05


def starts(evidence: Evidence) -> tuple[dict, list[str]]:
    """Never early; and how late at most, by what went on meanwhile."""
    late, breaches = defaultdict(list), []
    for id, accepted in evidence.accepted.items():
        first = evidence.begun(id)
        if first is None or accepted["lane"]:
            continue
        early = accepted["sent"] + accepted["delay"] - first
        if early > EARLY_SECONDS and not evidence.stepped(accepted["sent"], first):
            breaches.append(f"early: job {id} by {early:.2f} s")
        due = accepted["at"] + accepted["delay"]
        late[meanwhile(evidence, due, first)].append(max(0, first - due))
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
    spans = [(min(until, evidence.felt_until(fault)) - max(since, fault["began"]), fault["name"])
             for fault in evidence.faults]
    longest, name = max(spans, default=(0, ""))
    return name if longest > 0 else "nothing"
