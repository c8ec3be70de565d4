"""What the commands print: tables as wide as the terminal, jobs without secrets, a bar for what takes long."""

import json
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from flask.cli import AppGroup

from app import record, states
from app.connections import UNAVAILABLE
from app.masking import masked
from app.web.api import find, kinds

#: Jobs between two moves of a bar.
CHUNK = 1000
#: Between two looks at a job that is waited for, in seconds.
LOOK_SECONDS = 0.3
STEPS = 1000


class Away(click.ClickException):
    exit_code = 3


class Group(AppGroup):
    """Of commands that say in a sentence that Redis is away."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except UNAVAILABLE as error:
            raise Away(f"Redis cannot be reached, or is full: {error}") from None


def shown(stored: dict) -> dict:
    """The job of a record, as the API has it, its secrets masked: a terminal keeps what it has shown."""
    job, kind = record.as_json(stored), kinds().get(stored.get("kind"))
    schema = kind.params.model_json_schema() if kind else None
    return job | {"params": masked(job["params"], schema), "result": masked(job["result"], kind and kind.result),
                  "notify": masked(job["notify"])}


def as_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))  # in ASCII: what is no command for a terminal either


def table(rows: list[list[str]]) -> None:
    """The first row is the heading; what is too long for a line is cut off its end."""
    widths, room = [max(map(width, column)) for column in zip(*rows)], shutil.get_terminal_size().columns
    for cells in rows:
        line = "".join(cell + " " * (wide - width(cell) + 2) for cell, wide in zip(cells, widths))
        click.echo(cut(line.rstrip(), room))


def width(text: str) -> int:
    """Columns that it takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def cut(text: str, room: int) -> str:
    while width(text) > room:
        text = text[: min(len(text) - 2, room - 1)] + "…"
    return text


def plain(value: object) -> str:
    """In one line, without what a terminal would take for a command: anybody may have written it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())


def moment(iso: str | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """UTC."""
    return datetime.fromisoformat(iso).strftime(form) if iso else ""


@contextmanager
def chunks(what: str, ids: list[str]) -> Iterator[Iterator[list[str]]]:
    """The ids, in pieces, with a bar that moves as they are done with."""
    def pieces(bar) -> Iterator[list[str]]:
        for start in range(0, len(ids), CHUNK):
            yield ids[start:start + CHUNK]
            bar.update(min(CHUNK, len(ids) - start))

    with click.progressbar(length=len(ids), label=what, file=sys.stderr) as bar:
        yield pieces(bar)


def follow(id: str) -> dict:
    """Show how a job gets on until it has ended. Returns it."""
    with click.progressbar(length=STEPS, label=id, file=sys.stderr,
                           item_show_func=lambda item: item, show_eta=False) as bar:
        while (job := record.as_json(find(id)))["state"] not in states.FINISHED:
            progress = job["progress"] or {"done": 0, "total": 0, "message": ""}
            now = plain(f"{job['state']}, attempt {job['attempt']} {progress['message']}")
            share = progress["done"] / progress["total"] if progress["total"] else 0
            bar.update(int(min(max(share, 0), 0.99) * STEPS) - bar.pos, now)
            time.sleep(LOOK_SECONDS)
        bar.update(STEPS - bar.pos, job["state"])
    return job


def ended(job: dict) -> None:
    """Says how. Raises ClickException when it has not succeeded."""
    if job["state"] != states.SUCCEEDED:
        error = job["error"] or {}
        raise click.ClickException(plain(f"{job['id']}: {job['state']} {error.get('type', '')} "
                                         f"{error.get('message', '')}"))
    click.echo(f"{job['id']}: {job['state']}")
