"""worker.py with the tasks of tests/ledger.py."""

import os
import signal
import time

import worker  # before Celery: it sets what Celery reads when it is imported

# isort: split
import tests.ledger  # noqa: F401
from app.job import Job

# A main thread that hangs, when a test says so.
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(120))

# All of it stops when it has taken a job and not begun it.
if "FREEZE_WHEN_TAKEN" in os.environ:
    take = Job.before_start

    def before_start(*args):
        take(*args)
        os.killpg(0, signal.SIGSTOP)

    Job.before_start = before_start

if __name__ == "__main__":
    worker.main()
