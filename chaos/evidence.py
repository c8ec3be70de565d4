"""What a ledger tells: each run of each job, and which faults touched it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

#: A fault is still felt so many leases after it is over.
FELT_LEASES = 1.5
#: Faults that keep a worker from renewing its leases, if they last.
OUT_OF_TOUCH = {"freeze_shortly", "freeze_long", "cut", "stall", "slow", "kill_redis", "stop_redis", "freeze_redis",
                "machine"}
#: Faults that end a worker, or a process of it.
ENDS = {"kill_worker", "kill_child", "restart_worker", "scale", "deploy", "crash"}
#: Faults that break a run off.
CAUSES = OUT_OF_TOUCH | ENDS
#: Out of touch for less than this share of a lease, none can be lost: they are renewed when a third has passed.
SHARE = 0.5
#: Seconds that a connection may take to come back.
BACK_SECONDS = 3


@dataclass
class Run:
    job: str
    dyno: str
    start: float
    last: float = 0.0  # when it was alive
    end: float | None = None  # when it came to its end
    step: int | None = None  # of a chain
    after: str | None = None  # the job that it follows
    failed: bool = False  # of its own error
    lost: bool = False  # it was told that it has lost its lease


class Evidence:
    def __init__(self, lines: Iterable[dict]):
        told = defaultdict(list)
        for line in lines:
            told[line["what"]].append(line)
        self.told = told
        self.setting = told["setting"][0]
        self.lease = self.setting["lease"]
        self.accepted = {line["job"]: line for line in told["accepted"]}
        self.records = {line["job"]: line for line in told["record"]}
        self.faults = sorted(told["fault"], key=lambda fault: fault["began"])
        self.mails = defaultdict(list)
        for line in told["mail"]:
            self.mails[line["job"]].append(line)
        self.runs = self._runs()

    def _runs(self) -> dict[str, list[Run]]:
        """Of each job, in the order in which they started."""
        runs = {}
        for line in self.told["start"]:
            runs[line["run"]] = Run(line["job"], line["dyno"], line["at"], line["at"], step=line.get("step"),
                                    after=line.get("after"))
        for what in ("alive", "broke", "end"):
            for line in self.told[what]:
                runs[line["run"]].last = max(runs[line["run"]].last, line["at"])
        for line in self.told["broke"]:
            runs[line["run"]].failed = line["error"] == "ValueError"
            runs[line["run"]].lost = line["error"] == "LeaseLost"
        for line in self.told["end"]:
            runs[line["run"]].end = line["at"]
        found = defaultdict(list)
        for run in sorted(runs.values(), key=lambda run: run.start):
            found[run.job].append(run)
        return dict(found)

    def of(self, job: str) -> list[Run]:
        return self.runs.get(job, [])

    def attempts(self, job: str) -> list[str]:
        """How each ended that its record still tells of."""
        return self.records.get(job, {}).get("attempts", [])

    def mailed(self, job: str) -> list[dict]:
        return self.mails.get(job, [])

    def begun(self, job: str) -> float | None:
        """When it was first seen to do something."""
        return min([*(run.start for run in self.of(job)), *(mail["at"] for mail in self.mailed(job))], default=None)

    def cause(self, run: Run, until: float) -> str | None:
        """The first fault that may have broken this run off, or kept its worker from noting its end, before `until`;
        else the last that it may still have felt."""
        hits = [fault for fault in self.faults if fault["name"] in CAUSES and touches(fault, run.dyno)
                and fault["began"] <= until and self.felt_until(fault) >= run.start]
        after = [fault for fault in hits if fault["at"] >= run.last]
        return (after[0] if after else hits[-1])["name"] if hits else None

    def felt_until(self, fault: dict) -> float:
        return fault["at"] + fault.get("felt", 0) + self.lease * FELT_LEASES

    def broken_off(self, run: Run, until: float) -> bool:
        """Whether its worker may not have been able to note, before `until`, that this run has come to its end."""
        return self.out_of_touch(run, until) or any(
            fault["name"] in ENDS and touches(fault, run.dyno) and fault["began"] <= until and fault["at"] >= run.end
            for fault in self.faults)

    def stepped(self, since: float, until: float) -> bool:
        """Whether the clock of Redis jumped in that time."""
        return any(fault["name"] == "step_redis_clock" and fault["began"] <= until and fault["at"] >= since
                   for fault in self.faults)

    def out_of_touch(self, run: Run, until: float) -> bool:
        """Whether its worker may have lost its lease before `until`: away from Redis for long enough, with no time to
        renew in between."""
        since, spans = run.start - self.lease, []
        for fault in self.faults:
            if fault["name"] in OUT_OF_TOUCH and touches(fault, run.dyno):
                began, ended = max(since, fault["began"]), min(until, fault["at"])
                if spans and began - spans[-1][1] < BACK_SECONDS:
                    spans[-1][1] = max(spans[-1][1], ended)
                else:
                    spans.append([began, ended])
        return any(ended - began >= self.lease * SHARE for began, ended in spans)


def touches(fault: dict, dyno: str) -> bool:
    return dyno in fault["on"] or "redis" in fault["on"] or "all" in fault["on"]
