"""The worker process: `python worker.py`. Several may run; each is equal."""

import os

# Read when Celery is imported: with it, the SIGTERM that a dyno sends to every process leaves the children
# alone, and app.steps decides what becomes of their jobs.
os.environ["REMAP_SIGTERM"] = "SIGQUIT"

import logging
import secrets
import signal
import socket
import sys
import time
import warnings

from celery.exceptions import CPendingDeprecationWarning
from celery.signals import setup_logging
from celery.utils.log import get_multiprocessing_logger
from celery.worker import state

from app import logs, trace
from app.config import ConfigError, Settings
from app.queue import make_celery
from app.steps import Life, hand_back

logger = logging.getLogger("worker")

#: How often Celery has been started again in a row, told from one start to the next.
RESTARTS = "WORKER_RESTARTS"
HEALTHY_SECONDS = 60
MOST_PAUSE_SECONDS = 30


def main() -> None:
    """Run Celery until a signal stops it; start it again, in a fresh process image, when it stops by itself."""
    began = time.monotonic()
    try:
        settings = Settings.from_env()
        logs.start(settings)
        setup_logging.connect(leave_logging)
        trace.start(settings)
        name = f"{settings.dyno or 'worker'}-{secrets.token_hex(2)}@{socket.gethostname()}"
        celery = make_celery(settings, worker=name)
    except ConfigError as error:
        sys.exit(str(error))
    celery.steps["worker"].add(Life)
    worker = celery.Worker(hostname=name, loglevel=settings.log_level, quiet=True, without_gossip=True,
                           without_mingle=True, without_heartbeat=not settings.remote_control,
                           queues=settings.worker_queues)
    warnings.simplefilter("ignore", CPendingDeprecationWarning)  # at each outage, of a setting that app.queue has made
    logger.info("%s: %d jobs at a time", name, settings.worker_concurrency)
    worker.start()
    hand_back(celery)
    if (state.should_stop, state.should_terminate) != (None, None):  # a signal, or `celery control shutdown`
        return
    if time.monotonic() - began > HEALTHY_SECONDS:
        os.environ.pop(RESTARTS, None)
    start_again(int(os.environ.get(RESTARTS, 0)))


def leave_logging(**_) -> None:
    """Celery sets up no handlers of its own when somebody listens to that signal."""
    get_multiprocessing_logger().propagate = True


def start_again(restarts: int) -> None:
    """Celery 5.7.0 can exit when Redis goes away at the wrong moment; a new start mends it."""
    pause = min(2**restarts, MOST_PAUSE_SECONDS)
    logger.error("Celery stopped by itself; starting it again in %d s", pause)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    time.sleep(pause)
    os.environ[RESTARTS] = str(restarts + 1)
    os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__":
    main()
