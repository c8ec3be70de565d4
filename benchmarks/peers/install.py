"""Installs the other queues, each in a version that works, at first use: nobody's app has them.

arq wants redis-py 5, which taskiq and Celery left behind, so it has a venv to itself.
"""

import subprocess
import venv

from benchmarks.peers import ARQ, ROOT, THEIRS

VENVS = {THEIRS: "requirements-benchmarks.txt", ARQ: "requirements-arq.txt"}


def install() -> None:
    for name, file in VENVS.items():
        folder, wanted = ROOT / name, (ROOT / file).read_text()
        stamp = folder / "installed"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        print(f"Installing {file} into {name} (once)", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", ROOT / file], check=True)
        stamp.write_text(wanted)
