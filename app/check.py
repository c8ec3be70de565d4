"""Before a release goes live: `python -m app.check`. Says what is wrong and the command that mends it, a line each.
What would keep the app from working is exit code 1, and the release that runs stays; of the rest it only warns.

Before you scale, `python -m app.check --web 2 --worker 3` says whether Redis has the connections for it. A kind may
look at what it needs: its file has a function `check` of the settings, which returns warnings, and raises ValueError
for what stops the release.
"""

import importlib
import pkgutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from time import monotonic, sleep, time
from types import ModuleType

import redis
from celery import Celery
from kombu.exceptions import OperationalError

import app.jobs
from app import redis_health
from app.config import ConfigError, Settings
from app.pulse import Pulse
from app.queue import make_celery
from app.redis_health import Problem
from app.store import PREFIX, Store

#: An add-on that is just being made takes its time.
WAIT_SECONDS = 60
#: Redis connections of a web process, of a worker, and of each job that it runs at a time, which may make jobs too; the
#: same where another broker carries the messages; and of remote control. Measured: tests/live/test_budget.py.
CONNECTIONS = (2, 4, 2)
STORE_CONNECTIONS = (1, 1, 1)
REMOTE_CONTROL_CONNECTIONS = 3
#: A clock may be so far from that of Redis, by which jobs fall due.
CLOCK_SECONDS = 2
#: A worker that was heard of in the last so many seconds lives: it will be replaced, and so will open as much again.
HEARD_SECONDS = 30


class Unfit(Exception):
    """The release cannot work. The text says why, and what to do."""


def main(wait: float = WAIT_SECONDS, web: int = 1, worker: int = 1) -> int:
    """Returns the exit code."""
    try:
        celery = make_celery(Settings.from_env())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    errors = []
    for look in (of_redis(celery, wait, web, worker), of_broker(celery, wait), of_kinds(celery), of_the_rest(celery)):
        try:
            for sentence, command, *_ in look:
                print(celery.scrubber.text(f"Warning: {sentence.removesuffix('.')}: {command}"))
        except Unfit as error:
            errors.append(celery.scrubber.text(str(error)))
    print("\n".join(errors), file=sys.stderr) if errors else print("The release can run.")
    return 1 if errors else 0


def of_redis(celery: Celery, wait: float, web: int, worker: int) -> Iterator[Problem]:
    """Raises Unfit."""
    store, english = celery.store, redis_health.english
    try:
        wait_for(store.redis, wait)
        check_version(store.redis)
        pulse = store.pulse()
        worker = max(worker, len(store.workers(HEARD_SECONDS)), celery.settings.autoscale_max)
        found = [redis_health.forgets(pulse, english), clock(store), connections(pulse, celery.settings, web, worker)]
    except redis.RedisError as error:
        raise Unfit(f"Redis cannot be used ({error}): heroku redis:info") from None
    yield from redis_health.problems(pulse, english)
    yield from filter(None, found)


def wait_for(client: redis.Redis, seconds: float) -> None:
    """Until Redis takes a change; for so long at most."""
    deadline = monotonic() + seconds
    while True:
        try:
            client.set(f"{PREFIX}check", 1, ex=60)
            return
        except redis.exceptions.OutOfMemoryError:  # the page says so too; the release may be what mends it
            return
        except redis.RedisError as error:
            if monotonic() >= deadline:
                raise
            print(f"Waiting for Redis: {error}", flush=True)
        sleep(1)


def check_version(client: redis.Redis) -> None:
    try:
        server = client.info("server")
    except redis.ResponseError:  # a host may refuse it
        return
    version = str(server.get("redis_version", ""))
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < redis_health.OLDEST and "valkey_version" not in server:
        raise Unfit(f"Redis {version} is too old: it has to be {redis_health.OLDEST} or newer, or Valkey: "
                    "heroku redis:upgrade")


def clock(store: Store) -> Problem | None:
    ahead = time() - store.now()
    if abs(ahead) <= CLOCK_SECONDS:
        return None
    return Problem(f"The clock of this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of "
                   "Redis, by which jobs fall due", "heroku ps:restart")


def connections(pulse: Pulse, settings: Settings, web: int, worker: int) -> Problem | None:
    """Prints the sum."""
    if not pulse.connections:
        return None
    total, how = opened(settings, web, worker)
    most = pulse.connections[1]
    print(f"Redis connections under load: {how} = {total} of {most:,}.")
    if total <= most:
        return None
    return Problem(f"{total} connections are more than Redis has, {most}; who finds none, waits", redis_health.LARGER)


def opened(settings: Settings, web: int, worker: int) -> tuple[int, str]:
    """Redis connections of so many dynos under load, and how they add up."""
    process, each, job = CONNECTIONS if settings.broker_url == settings.redis_url else STORE_CONNECTIONS
    each += REMOTE_CONTROL_CONNECTIONS * settings.remote_control
    processes, jobs = settings.web_concurrency, settings.worker_concurrency
    return (web * processes * process + worker * (each + jobs * job),
            f"{web} web × {processes} processes × {process} + {worker} worker × ({each} + {jobs} jobs × {job})")


def of_broker(celery: Celery, wait: float) -> Iterator[Problem]:
    """Raises Unfit."""
    yield from ()
    if celery.settings.broker_url == celery.settings.redis_url:
        return
    try:
        with celery.connection_for_write() as connection:
            connection.ensure_connection(timeout=max(wait, 0.1), interval_start=1, interval_step=0)
    except (OperationalError, OSError) as error:
        raise Unfit(f"The broker cannot be used ({error}): "
                    "heroku config:set BROKER_URL=amqps://…") from None


def of_kinds(celery: Celery) -> Iterator[Problem]:
    """Raises Unfit."""
    for module in jobs():
        try:
            yield from module.check(celery.settings) if hasattr(module, "check") else ()
        except ValueError as error:
            raise Unfit(str(error)) from None


def of_the_rest(celery: Celery) -> Iterator[Problem]:
    """What is meant to be on, and would not be."""
    settings = celery.settings
    if settings.autoscale_max and not (settings.heroku_api_token and settings.heroku_app):
        yield Problem("AUTOSCALE_MAX scales nothing without HEROKU_API_TOKEN and HEROKU_APP",
                      'heroku config:set HEROKU_APP=… HEROKU_API_TOKEN="$(heroku authorizations:create -s write -S)"')
    if settings.otlp_endpoint:
        try:
            importlib.import_module("app.telemetry")
        except Exception as error:  # its packages are missing, or a variable of its own is wrong
            yield Problem(f"OpenTelemetry cannot start, so no trace is sent ({error})",
                          "heroku config:unset OTEL_EXPORTER_OTLP_ENDPOINT, or see the README")


def jobs() -> list[ModuleType]:
    return [importlib.import_module(f"app.jobs.{module.name}") for module in pkgutil.iter_modules(app.jobs.__path__)]


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m app.check")
    parser.add_argument("--web", type=int, default=1, help="how many web dynos there will be")
    parser.add_argument("--worker", type=int, default=1, help="how many workers")
    sys.exit(main(**vars(parser.parse_args())))
