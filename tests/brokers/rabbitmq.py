"""A RabbitMQ of the test's own: Debian's package, not its service."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from dev.redis_server import free_port
from tests.dynos import wait_for

#: The one in PATH is Debian's, which wants to be its service.
SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def missing() -> str:
    return "" if SCRIPT.exists() and shutil.which("epmd") else "apt-get install rabbitmq-server"


class RabbitMQ:
    """On ports, a folder and a cookie of its own. It keeps its data while it is stopped."""

    env, gaps, instead, real = {}, {}, {}, True

    def __init__(self, folder: Path, options: str = ""):
        self.folder, self.port, self.processes = folder, free_port(), []
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        names = free_port()
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": options,
        }
        # It would start one for the whole machine, and leave it there.
        self.names = subprocess.Popen(["epmd", "-port", str(names), "-address", "127.0.0.1"], stderr=subprocess.DEVNULL)
        try:
            self.start()
        except BaseException:
            self.names.kill()
            raise

    def start(self):
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen([SCRIPT], env=self.environ, cwd=self.folder, stdout=out, stderr=out,
                                            start_new_session=True)
        wait_for(lambda: self.answers() or self.process.poll() is not None, 60, "RabbitMQ")
        assert self.process.poll() is None, (self.folder / "out").read_text()

    def answers(self) -> bool:
        """A greeting that is an error is one too, so this does not count as a client that gave up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"AMQP\x00\x00\x00\x00")
                return bool(connection.recv(8))
        except OSError:
            return False

    def stop(self, number):
        os.killpg(self.process.pid, number)
        self.process.wait()

    def end(self):
        self.stop(signal.SIGKILL)
        self.names.kill()
        self.names.wait()
