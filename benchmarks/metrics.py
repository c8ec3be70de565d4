"""What it costs to count: python -m benchmarks.metrics [rounds]

Jobs accepted by one web process and run by one worker, in a copy of this project, and in one that has no file of the
feature and whose script counts nothing; by turns, so that both meet the same machine. The median of each.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.project import copy_project
from tests.unit.test_shape import FEATURES

ONCE = """
import tempfile
from pathlib import Path
from benchmarks import figures
from tests.dynos import Dynos, Server
server = Server()
dynos = Dynos(server.url, Path(tempfile.mkdtemp()), LEASE_SECONDS="60", DYNO_RAM="512", LOG_LEVEL="WARNING",
              RATE_LIMIT="0")
try:
    dynos.web()
    dynos.worker(wait=False)
    figures.wait_for(lambda: dynos.store.workers(within=30), 30)
    figures.accept(dynos, "one web process", seconds=5)
    figures.run(dynos)
    stats = dynos.store.redis.info("commandstats")["cmdstat_evalsha"]
    print(f"Redis: {stats['usec_per_call']:.1f} µs a script")
finally:
    dynos.end()
    server.stop()
"""
#: What the lines of a round say, and in which unit.
FIGURES = {"accepted, delayed": r"delayed: (\d+) a second", "accepted, at once": r"immediate: (\d+) a second",
           "run": r"worker: (\d+) no-op", "µs of Redis a script": r"Redis: ([\d.]+)"}


def main(rounds: int):
    with tempfile.TemporaryDirectory() as folder:
        copies = {"with": copy_project(Path(folder) / "with"), "without": without(Path(folder) / "without")}
        found = {(name, figure): [] for figure in FIGURES for name in copies}
        for number in range(rounds):
            for name in list(copies) if number % 2 else reversed(copies):
                said = subprocess.run([sys.executable, "-c", ONCE], cwd=copies[name], capture_output=True, text=True,
                                      check=True).stdout
                for figure, pattern in FIGURES.items():
                    found[name, figure].append(float(re.search(pattern, said)[1]))
    for figure in FIGURES:
        medians = {name: statistics.median(found[name, figure]) for name in copies}
        print(f"{figure}: with {medians['with']:g}, without {medians['without']:g}: "
              f"{medians['with'] / medians['without'] - 1:+.1%}; of each round",
              json.dumps({name: found[name, figure] for name in copies}), flush=True)


def without(folder: Path) -> Path:
    project = copy_project(folder)
    for name in FEATURES["metrics"]:
        for path in project.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    script = project / "app" / "store.lua"
    text, found = re.subn(r"(local function count\(.*?\)\n).*?\nend\n", r"\1end\n", script.read_text(), flags=re.S)
    assert found == 1
    script.write_text(text)
    return project


if __name__ == "__main__":
    main(int(*sys.argv[1:2] or [6]))
