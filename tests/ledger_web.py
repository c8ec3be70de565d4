"""web.py with the kind of tests/ledger.py."""

import tests.ledger  # noqa: F401
from web import app  # noqa: F401
