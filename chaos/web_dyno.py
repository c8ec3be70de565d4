"""web.py with the kinds of chaos/kinds.py."""

import chaos.kinds  # noqa: F401
from web import app  # noqa: F401
