"""Asks for jobs over HTTP, as a program that must not lose one: with an Idempotency-Key, again when there is no answer,
or 503, and then not before Retry-After."""

import http.client
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from random import Random

from chaos.fleet import LATER, Fleet
from chaos.ledger import write

SENDERS = 8
LANES = 5
#: Seconds until nobody waits for an answer any longer: at first few, so that it is asked again while it is still done.
PATIENCE = (1, 10)
#: Seconds after the last fault in which each request must be answered.
LAST_SECONDS = 90


class Client:
    """Posts so many jobs over so many seconds, singly and in bulk, and cancels some."""

    def __init__(self, fleet: Fleet, seed: int, jobs: int, seconds: float):
        self.fleet, self.random = fleet, Random(f"client {seed}")
        self.requests = self._requests(jobs, seconds)
        self.lock, self.lanes = threading.Lock(), {str(n): threading.Lock() for n in range(LANES)}
        self.gives_up = time.monotonic() + seconds + LAST_SECONDS
        self.places = itertools.count()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SENDERS)]
        self.failed: list[str] = []

    def start(self) -> None:
        self.began = time.monotonic()
        schedule = json.dumps({"kind": "chaos", "cron": "* * * * *", "params": {}})
        self.schedule = self._post("/api/schedules", schedule, "application/json", "schedule")
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Until all was asked for, and answered."""
        for thread in self.threads:
            thread.join()
        schedule = json.dumps({"paused": True})
        self._post(f"/api/schedules/{self.schedule['id']}", schedule, "application/json", None, method="PATCH")

    # --- what is asked for

    def _requests(self, jobs: int, seconds: float) -> Iterator[tuple[float, str, list[dict], str | None, bool]]:
        """Seconds after the start, a key, the jobs, their lane, whether they are cancelled."""
        random, asked, bulk = self.random, 0, find_spec("app.bulk")
        for number in itertools.count():
            lane = random.choice(list(self.lanes)) if random.random() < 0.25 else None
            many = min(jobs - asked, random.choice((1, 3) if lane else (1, 1, 1, 1, 1, 5, 30)) if bulk else 1)
            at = seconds * asked / jobs
            asked += many
            jobs_of_it = [self._job(lane, alone=many == 1) for _ in range(many)]
            yield at, f"key-{number}", jobs_of_it, lane, random.random() < 0.06
            if asked >= jobs:
                return

    def _job(self, lane: str | None, alone: bool) -> dict:
        random, lease = self.random, self.fleet.lease
        kinds = {"chaos": 75, "chaos_fails": 6, "chaos_leads": 5, "chaos_chain": 4, "email": 10,
                 "newcomer": 10 if alone else 0}  # the web of an older release refuses it, and all that comes with it
        kind = "chaos" if lane else random.choices(list(kinds), kinds.values())[0]
        if kind == "email" and find_spec("app.jobs.email"):
            later = [f"{LATER}{next(self.places)}@example.com"] if random.random() < 0.3 else []
            job = {"kind": kind, "params": {"to": ["ada@example.com", *later], "subject": "Chaos", "text": "…"}}
        else:
            lengths = [(0, 0.1), (0.3, 2), (2, 6), (lease, lease * 1.5)]
            length = random.choices(lengths, (80, 14, 4, 0) if lane else (75, 18, 6, 1))[0]
            fails = {"chaos": "once" if random.random() < 0.1 else "never", "chaos_fails": "always"}
            job = {"kind": "chaos" if kind == "email" else kind, "params": {
                "seconds": round(random.uniform(*length), 2), "asks": random.random() < 0.3,
                "fails": fails.get(kind, "never")}}
        if lane:
            return job | {"lane": lane}
        return job | ({"delay": round(random.uniform(0, 15), 2)} if random.random() < 0.35 else {})

    # --- how

    def _run(self) -> None:
        try:
            while request := self._next():
                self._send(*request)
        except Exception as error:
            self.failed.append(f"the client: {error!r}")

    def _next(self) -> tuple | None:
        with self.lock:
            return next(self.requests, None)

    def _send(self, at: float, key: str, jobs: list[dict], lane: str | None, cancelled: bool) -> None:
        time.sleep(max(0, self.began + at - time.monotonic()))
        for job in jobs:
            if job["kind"] == "newcomer":
                job["kind"] = f"chaos_since_v{self.fleet.release}" if self.fleet.release > 1 else "chaos"
        with self.lanes[lane] if lane else nullcontext():  # what was accepted first is known
            ids = self._ask(key, jobs)
        for id in ids if cancelled else ():
            self._cancel(id)

    def _ask(self, key: str, jobs: list[dict]) -> list[str]:
        """Returns their ids; none when they were refused."""
        sent = time.monotonic()
        if len(jobs) == 1:
            answer = self._post("/api/jobs", json.dumps(jobs[0]), "application/json", key)
            ids = [answer["id"]] if answer else []
        else:
            body = "".join(json.dumps(job) + "\n" for job in jobs)
            answer = self._post("/api/jobs/bulk", body, "application/x-ndjson", key)
            ids = answer["ids"] if answer else []
        for id, job in zip(ids, jobs):
            write(self.fleet.ledger, "accepted", job=id, kind=job["kind"], sent=round(sent, 3),
                  delay=job.get("delay", 0), fails=job["params"].get("fails", "never"), lane=job.get("lane"),
                  to=job["params"].get("to"), place=next(self.places))
        return ids

    def _cancel(self, id: str) -> None:
        sent = time.monotonic()
        write(self.fleet.ledger, "cancel", job=id, sent=round(sent, 3), state="asked")
        answer = self._post(f"/api/jobs/{id}/cancellation", "", "application/json", None)
        write(self.fleet.ledger, "cancel", job=id, sent=round(sent, 3), state=answer["state"] if answer else "refused")

    def _post(self, path: str, body: str, type: str, key: str | None, method="POST") -> dict | None:
        """The answer, or None when it was refused."""
        headers = {"Authorization": "Bearer test-token", "Content-Type": type}
        headers |= {"Idempotency-Key": key} if key else {}
        for attempt in itertools.count():
            try:
                webs = list(self.fleet.webs)
                base = webs[attempt % len(webs)].base if webs else "http://127.0.0.1:1"
                request = urllib.request.Request(base + path, body.encode(), headers, method=method)
                with urllib.request.urlopen(request, timeout=PATIENCE[attempt > 0]) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    if not self._again(error, path, key):
                        return None
                    time.sleep(float(error.headers.get("Retry-After", 1)))
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.3)
            if time.monotonic() > self.gives_up:
                write(self.fleet.ledger, "unanswered", path=path, key=key)
                return None

    def _again(self, error: urllib.error.HTTPError, path: str, key: str | None) -> bool:
        if error.code in (429, 503):
            return True
        text = error.read().decode(errors="replace")
        not_yet = error.code == 422 and "kind" in text  # the web of an older release does not have it
        too_late = error.code in (404, 409) and key is None  # nobody can cancel what has ended
        if not (not_yet or too_late):
            write(self.fleet.ledger, "refused", path=path, key=key, status=error.code, text=text[:300])
        return False
