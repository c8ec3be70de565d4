"""ActiveMQ: Debian's package, not its service."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from tests.brokers.processes import Server

#: Debian's jars, whose manifests name the others.
JARS = Path("/usr/share/activemq/lib")


def missing() -> str:
    if not JARS.exists() or not shutil.which("java"):
        return "apt-get install activemq"
    return "" if find_spec("stomp") else "pip install -r requirements-brokers.txt"


class ActiveMQ(Server):
    """It keeps its data while it is stopped."""

    real = True

    @property
    def url(self):
        return f"activemq://127.0.0.1:{self.port}"

    def command(self):
        return ["java", "-Xmx128m", "-cp", f"{JARS}/*:{JARS}/optional/*", "org.apache.activemq.console.Main", "start",
                f"broker:(stomp://127.0.0.1:{self.port})?useJmx=false&dataDirectory={self.folder}/data"]
