"""Azure Storage Queues as Azurite has it, Microsoft's emulator."""

import shutil

from app.brokers import problem
from tests.brokers.processes import Server

#: The one of every Azurite.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def missing() -> str:
    if not shutil.which("azurite-queue"):
        return "npm install -g azurite"
    return "pip install -r requirements-brokers.txt" if problem(f"azurestoragequeues://{KEY}@http://h") else ""


class Azurite(Server):
    """Killed, it may forget what came in the last seconds."""

    @property
    def url(self):
        return f"azurestoragequeues://{KEY}@http://127.0.0.1:{self.port}/devstoreaccount1"

    def command(self):
        return [shutil.which("azurite-queue"), "--queuePort", str(self.port), "--location", str(self.folder),
                "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
