"""A copy of this project, for tests that change or delete files of it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_OURS = shutil.ignore_patterns(".git", ".venv", ".data", ".env", "__pycache__", ".pytest_cache", ".ruff_cache",
                                  ".hypothesis")


def copy_project(target: Path) -> Path:
    return Path(shutil.copytree(ROOT, target, ignore=NOT_OURS))
