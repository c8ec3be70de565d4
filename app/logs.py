"""Logs go to stderr, a line each (app.lines), and a job's to its page as well. No secret of ours is in either
(app.scrubber)."""

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from threading import Timer
from time import monotonic

from redis import RedisError

from app import lines
from app.config import Settings
from app.connections import in_a_hurry
from app.scrubber import Scrubber

logger = logging.getLogger(__name__)

#: Loggers of what runs the job; it would say the same of every job, or of how its log is kept.
NOISE = ("celery", "kombu", "amqp", "billiard", "redis", "app.job", "opentelemetry")
#: Loggers that say what our own lines do, or what is in a job; and from which level on they have something to add.
QUIET = {"celery.app.trace": logging.WARNING, "celery.worker.strategy": logging.WARNING, "celery.pool": logging.INFO,
         "multiprocessing": logging.ERROR}
#: Of what it says, the first line: after that comes a message as the broker gave it, with a job's arguments.
TELLS_ALL = "celery.worker.consumer.consumer"
MOST_LINES = 50
MESSAGE_CHARS = 300
#: Lines wait for so long for others to come with them, unless one is a warning or worse.
SEND_SECONDS = 1
#: When Redis was found away, nothing is sent for so long: each try may hold the job up for a few seconds.
AWAY_SECONDS = 30


def start(settings: Settings, *, for_people: bool = False) -> None:
    """Set up logging. Call once in each process, before it forks.

    Args:
        for_people: this is a command in somebody's terminal; it has plain text, and only where something is wrong.
    """
    scrubber = Scrubber.of(settings)
    logging.setLogRecordFactory(partial(record, scrubber))
    level, handler = logging.getLevelName(settings.log_level), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s") if for_people
                         else lines.Formatter(scrubber, settings.log_json))
    logging.basicConfig(level=max(level, logging.WARNING) if for_people else level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))
    sys.excepthook = lambda *error: logger.critical("the process ends", exc_info=error)
    if threading.excepthook is threading.__excepthook__:  # nobody else has a use for it
        threading.excepthook = thread_ends


def record(scrubber: Scrubber, *args, **options) -> logging.LogRecord:
    """A record without secrets, whoever will read it: the log, a job's page, Sentry."""
    made = logging.LogRecord(*args, **options)
    try:
        message = made.getMessage()
    except Exception:  # its arguments do not fit; whoever writes it will say so, and which they are
        made.msg, made.args = scrubber.deep(made.msg), scrubber.deep(made.args)
    else:
        clean = scrubber.text(message)
        if made.name == TELLS_ALL:
            clean = clean.partition("\n")[0].partition(" [")[0]
        if clean != message:
            made.msg, made.args = clean, ()
    if made.exc_info:
        made.exc_text = scrubber.text(logging.Formatter().formatException(made.exc_info))
    return made


def thread_ends(error) -> None:
    if error.exc_type is not SystemExit:
        logger.error("a thread ends", exc_info=error[:3])


class JobLog(logging.Handler):
    """Hands on what is logged while a job runs; the last lines, when they are many or Redis was away for a while.
    It never fails the job, and hardly delays it. A timer sends the last words of a job that then is silent.

    Args:
        send: takes JSON lines; may raise a RedisError: then they are dropped.
        attempt: of the job, from 1.
    """

    def __init__(self, send: Callable[[list[str]], None], attempt: int):
        super().__init__(logging.INFO)
        self.send, self.attempt = send, attempt
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self.sent, self.away_until, self.sending = -inf, -inf, False
        self.timer: Timer | None = None

    def __enter__(self):
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger().removeHandler(self)
        self.flush(last=True)
        if self.timer:
            self.timer.cancel()
        self.close()

    def filter(self, record):  # what redis logs in the middle of a command must not wait for our lock
        return record.name not in NOISE and record.name.partition(".")[0] not in NOISE

    def emit(self, record):
        if self.sending:  # it comes of that
            return
        try:
            message = record.getMessage()
        except Exception:  # its arguments do not fit; the process's own handler says so
            return
        self.lines.append(json.dumps({
            "at": int(record.created * 1000), "level": record.levelname, "logger": record.name,
            "message": message[:MESSAGE_CHARS].encode(errors="replace").decode(), "attempt": self.attempt}))
        soonest = -inf if record.levelno >= logging.WARNING else self.sent + SEND_SECONDS
        wait = max(soonest, self.away_until) - monotonic()
        if wait <= 0:
            self.flush()
        elif not self.timer:
            self._flush_in(wait)

    def _flush_in(self, seconds: float):
        timer = Timer(seconds, self._on_time)
        timer.daemon = True
        with suppress(RuntimeError):  # no thread to be had: the lines go with the next
            timer.start()
            self.timer = timer

    def _on_time(self):
        with self.lock:
            self.timer = None
            self.flush()

    def flush(self, last: bool = False):
        with self.lock:
            if self.lines and (last or monotonic() >= self.away_until):
                self._send()

    def _send(self):
        lines, self.sending = list(self.lines), True
        self.lines.clear()
        try:
            with in_a_hurry():
                self.send(lines)
        except RedisError:
            self.away_until = monotonic() + AWAY_SECONDS
        finally:
            self.sent, self.sending = monotonic(), False
