"""worker.py with the tasks of tests/ledger.py."""

import signal
import time

import worker  # before Celery: it sets what Celery reads when it is imported

# isort: split
import tests.ledger  # noqa: F401

# A main thread that hangs, when a test says so.
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(120))

if __name__ == "__main__":
    worker.main()
