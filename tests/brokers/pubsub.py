"""Google Pub/Sub as tests/brokers/pubsub_emulator.py has it."""

import os
import sys
from importlib.util import find_spec

from tests.brokers.processes import Server
from tests.dynos import ROOT


def missing() -> str:
    return "" if find_spec("grpc") else "pip install -r requirements-brokers.txt"


class PubSub(Server):
    """Killed, it forgets its messages, and has its topics and subscriptions again."""

    url = "gcpubsub://projects/test"

    def __init__(self, folder):
        super().__init__(folder)
        self.env = {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.port}"}
        os.environ |= self.env  # this process makes jobs too

    def command(self):
        return [sys.executable, str(ROOT / "tests" / "brokers" / "pubsub_emulator.py"), str(self.port), "kept.json"]

    def end(self):
        del os.environ["PUBSUB_EMULATOR_HOST"]
        super().end()
