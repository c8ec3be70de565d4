"""Before a release goes live: `python -m app.check`. Says what is wrong and the command that mends it, a line each.
What would keep the app from working is exit code 1, and the release that runs stays; of the rest it only warns."""

import sys
from time import monotonic, sleep

import redis

from app import redis_health
from app.config import ConfigError, Settings
from app.connections import connect
from app.pulse import Pulse
from app.reader import PREFIX, Reader

#: An add-on that is just being made takes its time.
WAIT_SECONDS = 60


class Unfit(Exception):
    """The release cannot work. The text says why, and what to do."""


def main(wait: float = WAIT_SECONDS) -> int:
    """Returns the exit code."""
    try:
        pulse = check(connect(Settings.from_env().redis_url, patient=False), wait)
    except (ConfigError, Unfit) as error:
        print(error, file=sys.stderr)
        return 1
    for sentence, command, *_ in warnings(pulse):
        print(f"Warning: {sentence.removesuffix('.')}: {command}")
    print("The release can run.")
    return 0


def check(client: redis.Redis, wait: float) -> Pulse:
    """Raises Unfit."""
    try:
        wait_for(client, wait)
        check_version(client)
        return Reader(client).pulse()
    except redis.RedisError as error:
        raise Unfit(f"Redis cannot be used ({error}): heroku redis:info") from None


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


def warnings(pulse: Pulse) -> list[redis_health.Problem]:
    english = redis_health.english
    forgets = redis_health.forgets(pulse, english)
    return redis_health.problems(pulse, english) + ([forgets] if forgets else [])


if __name__ == "__main__":
    sys.exit(main())
