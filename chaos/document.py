"""What a run found, as a table in docs/proof.md."""

import os
import platform
import subprocess
from datetime import date
from pathlib import Path

from benchmarks.tables import put, table
from chaos.ledger import read
from chaos.reconcile import Verdict
from dev import redis_server

DOCS = Path(__file__).parent.parent / "docs" / "proof.md"


def document(docs: Path, ledger: Path, verdict: Verdict) -> None:
    """Between its marks; what is broken too.

    Raises:
        ValueError: the document has no place for it.
    """
    setting = next(line for line in read(ledger) if line["what"] == "setting")
    rows = [(indented(name), str(value)) for name, value in verdict.rows]
    put(docs, chaos="\n".join([
        f"`bin/chaos --seed {setting['seed']} --minutes {setting['minutes']:g} --jobs {setting['jobs']}`: "
        f"{verdict.words}", *(f"- {breach}" for breach in verdict.breaches), "", table(("what", "how many"), *rows), "",
        setting["machine"]]))


def indented(name: str) -> str:
    words = name.lstrip()
    return "&emsp;" * ((len(name) - len(words)) // 2) + words


def machine() -> str:
    redis = subprocess.run([redis_server.binary(), "--version"], capture_output=True, text=True).stdout
    return (f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
            f"{' '.join(redis.split()[:3])}, {date.today():%Y-%m-%d}.")
