"""bin/dev: a Redis if there is none, then web and worker from the Procfile, as the platform would run them."""

import fcntl
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from dotenv import dotenv_values
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

from app.config import ConfigError, Settings
from dev import redis_server

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".data"
READY_SECONDS = 60


def main() -> int:
    os.chdir(ROOT)
    try:
        env = environment()
        port = Settings.from_env(env).port
        check_port(port)
        redis = None if env.get("REDIS_URL") else embedded_redis(env)
    except (OSError, RuntimeError, ConfigError) as error:
        return say(str(error))
    try:
        return run(env, port)
    finally:
        if redis:
            redis.terminate()
            redis.wait()


def environment() -> dict[str, str]:
    """The variables of both processes: .env (made on the first run), then our own, then the smallest dyno's."""
    file = Path(".env")
    if not file.exists():
        file.touch(mode=0o600)
        example = Path(".env.example").read_text()
        for name in ("API_TOKEN", "SECRET_KEY", "WEBHOOK_SECRET"):
            example = example.replace(f"{name}=\n", f"{name}={secrets.token_hex(32)}\n")
        file.write_text(example)
    values = {name: value for name, value in dotenv_values(file).items() if value}
    # Two seconds for running jobs to end on Ctrl-C: honcho kills what is still there after five.
    smallest = {"PORT": "8000", "DYNO_RAM": "512", "SHUTDOWN_SECONDS": "2"}
    given = {name: value for name, value in os.environ.items() if value}
    return smallest | values | given | {"APP_ENV": "development", "PYTHONUNBUFFERED": "1"}


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise RuntimeError(f"Port {port} is taken. Use another: PORT={port + 1} bin/dev") from None


def embedded_redis(env: dict[str, str]) -> subprocess.Popen:
    """Start a server as small as the smallest plan, whose data outlives it; put its URL into `env`."""
    DATA.mkdir(exist_ok=True)
    lock = os.open(DATA / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pids = os.pread(lock, 100, 0).decode()
        raise RuntimeError(f"bin/dev runs here already. To stop it: kill {pids}") from None
    port = redis_server.free_port()
    env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    redis = redis_server.start(port, DATA, *redis_server.SMALLEST_PLAN, keep_open=(lock,))
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {redis.pid}".encode(), 0)
    return redis


class Lines(Printer):
    """Of the processes, as the platform would get them, but for a trace: here it takes the lines that it has."""

    def write(self, message):
        text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
        super().write(message._replace(data=unfolded(text)))


def unfolded(line: str) -> str:
    """What a terminal would obey stays escaped."""
    told, trace, text = line.partition(' trace="')
    text = re.sub(r'\\(["\\n])', lambda escaped: escaped[1].replace("n", "\n"), text.rstrip().removesuffix('"'))
    return f"{told}\n{text}" if trace else line


def run(env: dict[str, str], port: int) -> int:
    manager = Manager(Lines())
    # The commands of .venv, as on the dyno where they are on the path.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    for name, command in parse_procfile(Path("Procfile").read_text()).processes.items():
        if name != "release":
            manager.add_process(name, f"exec {command}", env=env)
    signal.signal(signal.SIGHUP, lambda *_: hang_up())
    threading.Thread(target=announce, args=(env, port), daemon=True).start()
    manager.loop()
    stopped_by_hand = manager.returncode in (-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM)
    return 0 if stopped_by_hand else manager.returncode or 0


def hang_up() -> None:
    """The terminal was closed: stop as on Ctrl-C, and print to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    os.kill(os.getpid(), signal.SIGINT)


def announce(env: dict[str, str], port: int) -> None:
    """Wait until the app is ready, then say where it is."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
            continue
        token = env.get("API_TOKEN", "(none: set API_TOKEN)").split(",")[0].strip()
        print(f"\nReady: http://localhost:{port}\nToken: {token}\nStop:  Ctrl-C\n", flush=True)
        return
    print(f"Not ready after {READY_SECONDS} s; the lines above say why.", flush=True)


def say(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
