"""worker.py with the tasks of tests/ledger.py."""

import worker  # first: it sets what Celery reads when it is imported

# isort: split
import tests.ledger  # noqa: F401

if __name__ == "__main__":
    worker.main()
