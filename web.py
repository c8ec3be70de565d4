"""The web process: `gunicorn web:app`."""

import sys

from app.config import ConfigError
from app.web import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.exit(str(error))
