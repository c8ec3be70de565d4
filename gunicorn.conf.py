"""gunicorn, set to the platform's numbers. Each is Heroku's unless it says otherwise."""

import os
import socket
from importlib.util import find_spec

from gunicorn import glogging

from app import lines
from app.config import ConfigError, Settings

try:
    settings = Settings.from_env()
except ConfigError as error:
    raise SystemExit(str(error)) from None

# In development this machine only. Else every address; Heroku's newer routers speak IPv6, some hosts have none.
everywhere = "[::]" if socket.has_dualstack_ipv6() else "0.0.0.0"
bind = f"{'127.0.0.1' if settings.development else everywhere}:{settings.port}"
workers = settings.web_concurrency
worker_class = "app.web.slow.Worker" if find_spec("app.web.slow") else "gthread"  # that slow clients cannot stop
threads = 16  # most wait for Redis, or for a slow client that uploads or downloads; they share one connection
timeout = 25  # the router gives up after 30 s without a first byte
graceful_timeout = 20  # SIGKILL follows SIGTERM after 30 s
keepalive = 95  # longer than the router keeps an idle connection, 90 s, so that it is the one to close
preload_app = True  # one copy in memory; nothing is connected before the fork
forwarded_allow_ips = ""  # what the router says of a client is read in app/web/edge.py alone
control_socket_disable = True  # its file in HOME would be shared by two instances on one machine


class Logger(glogging.Logger):
    """Leaves its lines to the app's own log (app/logs.py), unless a file is named for them."""

    def setup(self, cfg):
        super().setup(cfg)
        self.access_log.setLevel(self.loglevel)

    def _set_handler(self, log, output, fmt, stream=None):
        log.propagate = output == "-"
        if not log.propagate:
            super()._set_handler(log, output, fmt, stream)

    def access(self, resp, req, environ, request_time):
        """Which path was asked for: not the query, which holds what somebody searched for, nor the page before."""
        if self.access_log_enabled:
            lines.event(self.access_log, "request", method=environ["REQUEST_METHOD"],
                        path=environ["RAW_URI"].partition("?")[0], status=int(str(resp.status).split()[0]),
                        bytes=resp.sent, duration=request_time.total_seconds())


def post_worker_init(worker):
    """After the fork, so that threads and connections are this process's own."""
    worker.wsgi.extensions["alive"] = lambda: worker.alive
    for start in worker.wsgi.extensions["on_start"]:
        start()


logger_class = Logger
loglevel = settings.log_level.lower()
accesslog = "-" if "GUNICORN_CMD_ARGS" not in os.environ else None
