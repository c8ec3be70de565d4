"""gunicorn, set to the platform's numbers. Each is Heroku's unless it says otherwise."""

import os
import socket
from importlib.util import find_spec

from gunicorn import glogging

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
    """Says which path was asked for: not the query, which holds what somebody searched for, nor the page before."""

    def atoms(self, resp, req, environ, request_time):
        path = environ["RAW_URI"].partition("?")[0]
        return super().atoms(resp, req, environ, request_time) | {
            "r": f"{environ['REQUEST_METHOD']} {path} {environ['SERVER_PROTOCOL']}", "f": "-"}



def post_worker_init(worker):
    """After the fork, so that threads and connections are this process's own."""
    worker.wsgi.extensions["alive"] = lambda: worker.alive
    for start in worker.wsgi.extensions["on_start"]:
        start()


logger_class = Logger
accesslog = "-" if "GUNICORN_CMD_ARGS" not in os.environ else None
