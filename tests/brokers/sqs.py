"""Amazon SQS as moto has it."""

import sys
from importlib.util import find_spec

from tests.brokers.processes import Server
from tests.dynos import ROOT


def missing() -> str:
    return "" if find_spec("pycurl") else "pip install -r requirements-brokers.txt"


class SQS(Server):
    """Killed, it forgets its messages, and has its queues again."""

    @property
    def url(self):
        return f"sqs://testing:testing@127.0.0.1:{self.port}"

    def command(self):
        return [sys.executable, str(ROOT / "tests" / "brokers" / "sqs_moto.py"), str(self.port)]
