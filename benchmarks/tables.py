"""Figures as Markdown, between the marks of a document."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from dev import redis_server


def table(head: Iterable[str], *rows: Iterable[str]) -> str:
    head = list(head)
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(document: Path, **texts: str) -> None:
    """Replace what stands there between `<!-- name -->` and `<!-- end -->`, for each name.

    Raises:
        ValueError: it has not both marks.
    """
    text = document.read_text()
    for name, new in texts.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        if not mark:
            raise ValueError(f"{document.name} has no <!-- {name} -->")
        text = f"{before}{mark}{new}\n{rest[rest.index('<!-- end -->'):]}"
    document.write_text(text)


def machine() -> str:
    """What the figures were measured on, in a sentence."""
    redis = subprocess.run([redis_server.binary(), "--version"], capture_output=True, text=True).stdout
    return (f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
            f"{' '.join(redis.split()[:3])}, {date.today():%Y-%m-%d}.")
