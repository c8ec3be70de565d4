"""What goes wrong. Each fault is a function of the fleet and two numbers from 0 to 1: whom it hits, and how hard."""

import os
import signal
import subprocess
import time
from pathlib import Path

from chaos.fault import Skipped, fault, noted, on_one, on_redis, on_worker
from chaos.fleet import Dyno
from tests.proxy import IN, OUT

#: The platform kills so long after its first SIGTERM.
HEROKU_SECONDS = 30


# --- workers


@fault
def kill_worker(fleet, pick, size):
    """KILL every process of a dyno; the platform starts another."""
    with on_worker(fleet, "kill_worker", pick) as dyno:
        fleet.forget(dyno)
        dyno.process.end()
        fleet.add_worker()


@fault
def kill_child(fleet, pick, size):
    """KILL one of the processes that run jobs, as the kernel does when there is no memory."""
    with on_worker(fleet, "kill_child", pick) as dyno:
        pid = dyno.process.popen.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            os.kill(int(children[int(size * len(children))]), signal.SIGKILL)


@fault
def restart_worker(fleet, pick, size):
    """TERM to every process, twice, then KILL, then another dyno."""
    with on_worker(fleet, "restart_worker", pick) as dyno:
        fleet.forget(dyno)
        stop(dyno)
        fleet.add_worker()


def stop(dyno: Dyno) -> None:
    try:
        dyno.process.signal_all(signal.SIGTERM)
        time.sleep(0.5)
        dyno.process.signal_all(signal.SIGTERM)
        dyno.process.wait(HEROKU_SECONDS)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    dyno.process.end()


def freeze(fleet, name, pick, seconds):
    with on_worker(fleet, name, pick) as dyno:
        dyno.process.signal_all(signal.SIGSTOP)
        time.sleep(seconds)
        dyno.process.signal_all(signal.SIGCONT)


@fault
def freeze_shortly(fleet, pick, size):
    """STOP, and CONT before a lease can end."""
    freeze(fleet, "freeze_shortly", pick, fleet.lease * (0.05 + 0.4 * size))


@fault
def freeze_long(fleet, pick, size):
    """STOP, and CONT when others have its jobs."""
    freeze(fleet, "freeze_long", pick, fleet.lease * (1.3 + 0.7 * size))


@fault
def scale(fleet, pick, size):
    """A worker more or less; three stay: with fewer, all that is late would be so for want of a worker."""
    if pick < 0.5 or len(fleet.workers) < 4:
        with noted(fleet, "scale", "up"):
            return fleet.add_worker()
    with on_worker(fleet, "scale", size) as dyno:
        fleet.forget(dyno)
        stop(dyno)


@fault
def step_clock(fleet, pick, size):
    """A dyno's clock jumps, by up to an hour either way."""
    if not fleet.clock_library:
        raise Skipped
    with on_one(fleet, "step_clock", [*fleet.webs, *fleet.workers], pick) as dyno:
        fleet.step(dyno.name, int(7200 * (size - 0.5)))


# --- the way to Redis


@fault
def cut(fleet, pick, size):
    """Connections break, and none is made for a while."""
    with on_worker(fleet, "cut", pick) as dyno:
        dyno.door.bar()
        time.sleep(fleet.lease * 1.5 * size**2)
        dyno.door.free()


@fault
def stall(fleet, pick, size):
    """Nothing comes through, one way or both; it arrives later."""
    with on_worker(fleet, "stall", pick) as dyno:
        dyno.door.hold(*((IN, OUT), (IN,), (OUT,))[int(size * 1000) % 3])
        time.sleep(fleet.lease * 1.5 * size**2)
        dyno.door.free()


@fault
def slow(fleet, pick, size):
    """Whatever comes through is late."""
    with on_worker(fleet, "slow", pick) as dyno:
        dyno.door.delay = 0.02 + 0.3 * size
        time.sleep(fleet.lease * (0.5 + size))
        dyno.door.free()


@fault
def stall_web(fleet, pick, size):
    """Requests are taken, and Redis does not answer them."""
    with on_one(fleet, "stall_web", fleet.webs, pick) as dyno:
        dyno.door.hold(*((IN, OUT), (IN,), (OUT,))[int(size * 1000) % 3])
        time.sleep(fleet.lease * 1.2 * size)
        dyno.door.free()


@fault
def cut_web(fleet, pick, size):
    """Answers are late, then lost: Redis has done what was asked, and nobody knows."""
    with on_one(fleet, "cut_web", fleet.webs, pick) as dyno:
        dyno.door.delay = 0.3
        time.sleep(2)
        dyno.door.bar()
        time.sleep(fleet.lease * 0.3 * size)
        dyno.door.free()


# --- Redis


def restart_redis(fleet, name, number, size):
    with on_redis(fleet, name) as server:
        server.stop(number)
        time.sleep(fleet.lease * 1.2 * size**2)
        server.start()


@fault
def kill_redis(fleet, pick, size):
    """KILL, and start it again, with what it has on its disk."""
    restart_redis(fleet, "kill_redis", signal.SIGKILL, size)


@fault
def stop_redis(fleet, pick, size):
    """TERM, and start it again."""
    restart_redis(fleet, "stop_redis", signal.SIGTERM, size)


@fault
def freeze_redis(fleet, pick, size):
    """It takes connections, and says nothing."""
    with on_redis(fleet, "freeze_redis") as server:
        server.freeze()
        time.sleep(fleet.lease * 1.2 * size**2)
        server.thaw()


@fault
def fill_redis(fleet, pick, size):
    """No memory is left; then there is."""
    with on_redis(fleet, "fill_redis"):
        redis = fleet.store.redis
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] + int(50_000 * pick))
        time.sleep(fleet.lease * size)
        redis.config_set("maxmemory", 0)


@fault
def step_redis_clock(fleet, pick, size):
    """The clock by which jobs fall due jumps, by up to half a minute either way."""
    if not fleet.clock_library:
        raise Skipped
    seconds = int(60 * (size - 0.5))
    with on_redis(fleet, "step_redis_clock", felt=max(0, -seconds)):  # set back, it gets to what is due later
        fleet.step("redis", seconds)


# --- releases, web


@fault
def deploy(fleet, pick, size):
    """Another release takes over while jobs are in flight: both run for a while."""
    with noted(fleet, "deploy", f"v{fleet.release + 1}") as hit:
        fleet.release += 1
        fleet.add_web()
        old = [dyno for dyno in [*fleet.webs, *fleet.workers] if dyno.release < fleet.release and not dyno.taken]
        hit += [dyno.name for dyno in old]
        for dyno in old:
            dyno.taken = True
            dyno.process.signal_all(signal.SIGTERM)
        for dyno in old:
            if dyno in fleet.workers:
                fleet.add_worker()
        for dyno in old:
            fleet.forget(dyno)
            stop(dyno)


@fault
def kill_web(fleet, pick, size):
    """KILL it with requests in it; the platform starts another."""
    with on_one(fleet, "kill_web", fleet.webs, pick) as dyno:
        fleet.forget(dyno)
        dyno.process.end()
        fleet.add_web()
