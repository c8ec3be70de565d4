"""How the app does at a moment: what app.reader.Reader.pulse tells, and how it reads Redis's own report."""

import re
from typing import NamedTuple

#: A worker beats every 5 s; one that has not for so long is counted out.
SILENT_SECONDS = 25


class Worker(NamedTuple):
    """`since` and `heard`: ms since 1970 when it came, and when it last said so; `slots`: jobs at a time."""

    name: str
    since: float
    heard: float
    slots: int
    busy: int
    release: str


class Memory(NamedTuple):
    """Bytes. `most` is 0 where there is no limit; `policy`: what Redis does at it."""

    used: int
    most: int
    policy: str


class Pulse(NamedTuple):
    """What Redis does not tell is None."""

    version: int  # grows with every change of what a list of jobs shows
    now: float  # ms since 1970 on the clock of Redis
    counts: dict[str, int]  # jobs in each state
    workers: list[Worker]  # of the last day, the one heard of most recently first
    oldest: float | None  # seconds that the job that waits longest could have been started
    memory: Memory | None
    connections: tuple[int, int] | None  # how many there are, and may be
    persistent: bool | None  # whether Redis keeps its data over a restart of its own
    saves: bool | None  # False: the last time it could not, and refuses changes until it can
    left: float  # ms since 1970 when a worker last stopped, or was heard of before it died; 0 for never


def info_fields(info: str | None) -> dict[str, str]:
    """The lines `name:value` of the answer to INFO."""
    return dict(re.findall(r"^(\w+):([^\r\n]*)", info or "", re.M))


def memory(info: dict[str, str]) -> Memory | None:
    try:
        return Memory(int(info["used_memory"]), int(info["maxmemory"]), info["maxmemory_policy"])
    except KeyError:
        return None


def saves(info: dict[str, str]) -> bool | None:
    told = [info[name] for name in ("rdb_last_bgsave_status", "aof_last_write_status") if name in info]
    return all(status == "ok" for status in told) if told else None


def connections(info: dict[str, str]) -> tuple[int, int] | None:
    try:
        return int(info["connected_clients"]), int(info["maxclients"])
    except KeyError:
        return None


def worker(name: str, heard: str, said: list[str | None]) -> Worker:
    since, slots, busy, release = said
    return Worker(name, float(since or heard), float(heard), int(slots or 0), int(busy or 0), release or "")


def oldest(now: float, waits: list[str]) -> float | None:
    """Seconds since the first of these times (ms since 1970), or None when all are yet to come."""
    past = [float(since) for since in waits if float(since) <= now]
    return (now - min(past)) / 1000 if past else None
