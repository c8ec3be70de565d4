"""A broker that is one process, started by a command and asked by its port whether it is there."""

import socket
import subprocess
from pathlib import Path

from dev.redis_server import free_port
from tests.dynos import wait_for


class Server:
    env, gaps, instead, real = {}, {}, {}, False

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.start()

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self):
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=out, stderr=out)
        wait_for(lambda: self.answers() or self.process.poll() is not None, 60, "the broker")
        assert self.process.poll() is None, (self.folder / "out").read_text()

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def stop(self, number):
        self.process.send_signal(number)
        self.process.wait()

    def end(self):
        self.process.kill()
        self.process.wait()
