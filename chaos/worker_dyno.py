"""worker.py with the kinds of chaos/kinds.py."""

import worker  # before Celery: it sets what Celery reads when it is imported

# isort: split
import chaos.kinds  # noqa: F401

if __name__ == "__main__":
    worker.main()
