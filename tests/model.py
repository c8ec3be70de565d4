"""What a job may be: the record as the rules of app/store.lua have it, in plain Python, for tests to compare with."""

from dataclasses import dataclass, field

from app.states import CANCELLED, FAILED, FINISHED, QUEUED, RUNNING, SCHEDULED, SUCCEEDED

#: As Store.start and its likes answer a run that no longer holds its job.
LOST = "lost"


@dataclass
class Job:
    """Each method is a move; it answers what the store must."""

    due: int  # ms since 1970
    state: str
    id: str = ""
    kind: str = "sample"
    most: int = 3  # attempts
    attempt: int = 0
    starts: int = 0
    strange: int = 0  # workers in a row that had no code for it
    worker: str = ""
    lease: int = 0  # ends then, ms since 1970
    ended: int = 0
    cancel: bool = False
    params: dict = field(default_factory=dict)
    notify: str | None = None
    ends: int = 0
    lane: str | None = None
    place: int = 0  # in the order of those with a lane
    entered: bool = False  # its lane: it is due, or was
    goes: bool = False  # it is the one of its lane that does
    wake: list = field(default_factory=list)  # of all lanes: ids that workers must publish
    others: dict = field(default_factory=dict)  # all jobs by their ids: for the webhook that it ends in

    @classmethod
    def made(cls, now: int, due: int, **more) -> "Job":
        job = cls(due, SCHEDULED, **more)
        if due <= now:
            job.enqueue()
        return job

    # --- a lane ---

    def advance(self) -> None:
        """The first of its lane goes, unless one does already."""
        mates = [job for job in [*self.others.values(), self] if job.lane == self.lane and job.entered]
        if not self.lane or not mates or any(job.goes for job in mates):
            return
        first = min(mates, key=lambda job: job.place)
        first.goes = True
        if first is not self:
            first.state = QUEUED
            self.wake.append(first.id)

    def has_turn(self) -> bool:
        self.entered = True
        self.advance()
        return not self.lane or self.goes

    def enqueue(self) -> str:
        self.has_turn()
        self.state = QUEUED
        return QUEUED

    def schedule(self, due: int) -> str:
        self.state, self.due = SCHEDULED, due
        return SCHEDULED

    def leave_lane(self) -> None:
        self.entered = self.goes = False
        self.advance()

    # --- what a worker does ---

    def start(self, now: int, worker: str, seconds: float):
        if self.state != QUEUED or not self.has_turn():
            return self.state
        self.state, self.worker, self.lease = RUNNING, worker, now + int(seconds * 1000)
        self.starts, self.attempt, self.strange = self.starts + 1, self.attempt + 1, 0
        return self.starts, self.attempt

    def holds(self, token: str, worker: str = "") -> bool:
        return self.state == RUNNING and (token == str(self.starts) if token else worker == self.worker)

    def finish(self, now: int, state: str) -> str:
        self.state, self.ended, self.cancel = state, now, False
        self.leave_lane()
        if self.notify:
            self.ends += 1
            webhook = Job(now + 1, SCHEDULED, f"{self.id}-end-{self.ends}", "webhook", 8, others=self.others,
                          params={"job": self.id, "url": self.notify, "label": f"{self.kind} {self.id[:8]}"})
            self.others[webhook.id] = webhook
        return state

    def checkpoint(self, now: int, token: str) -> str:
        if not self.holds(token):
            return LOST
        return self.finish(now, CANCELLED) if self.cancel else RUNNING

    def save(self, token: str) -> str:
        return RUNNING if self.holds(token) else LOST

    def settle(self, now: int, token: str, worker: str, state: str) -> str:
        if not self.holds(token, worker):
            return LOST
        return self.finish(now, CANCELLED if state == FAILED and self.cancel else state)

    def try_again(self, now: int, token: str, due: int) -> str:
        if not self.holds(token):
            return LOST
        if self.cancel:
            return self.finish(now, CANCELLED)
        return self.schedule(due)

    def put_off(self, now: int, token: str, due: int) -> str:
        self.attempt -= self.holds(token)
        return self.try_again(now, token, due)

    def requeue(self, now: int, token: str, counts: bool) -> str:
        """Rejected (it counts), or interrupted by a worker that stops (it does not)."""
        if not self.holds(token):
            return LOST
        return self.back(now, counts)

    def back(self, now: int, counts: bool) -> str:
        self.attempt -= not counts
        if self.cancel:
            return self.finish(now, CANCELLED)
        return self.enqueue()

    def lose(self, now: int) -> str:
        if self.cancel or self.attempt < self.most:
            return self.back(now, True)
        return self.finish(now, FAILED)

    def unregistered(self, now: int, seconds: float, most: int) -> str:
        if self.state != QUEUED:
            return self.state
        self.strange += 1
        if self.strange >= most:
            return self.finish(now, FAILED)
        return self.schedule(now + int(seconds * 1000))

    def expire(self, now: int) -> bool:
        return self.state == QUEUED and bool(self.finish(now, CANCELLED))

    # --- what a person asks; each answers whether it was still possible ---

    def ask(self, action: str, now: int, at_once: bool, due: int | None = None) -> bool:
        return getattr(self, f"ask_{action}")(now, at_once, due)

    def ask_cancel(self, now, *_):
        if self.state in (SCHEDULED, QUEUED):
            self.finish(now, CANCELLED)
        elif self.state == RUNNING:
            self.cancel = True
        else:
            return False
        return True

    def ask_run_now(self, now, at_once, _due):
        return self.state == SCHEDULED and self._wanted(now, at_once)

    def ask_retry(self, now, at_once, _due):
        if self.state not in (FAILED, CANCELLED):
            return False
        self.attempt, self.due, self.strange = 0, now, 0
        return self._wanted(now, at_once)

    def ask_reschedule(self, _now, _at_once, due):
        if self.state != SCHEDULED:
            return False
        self.schedule(due)
        return True

    def ask_delete(self, *_):
        return self.state in FINISHED

    def _wanted(self, now, at_once):
        self.enqueue() if at_once else self.schedule(now)
        return True

    @property
    def is_over(self) -> bool:
        return self.state in (SUCCEEDED, FAILED, CANCELLED)
