"""The programs of docs/peers.md, as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.dynos import ROOT

PARAMS = {"to": ["ada@example.com"], "subject": "Hello", "text": "…"}
DJANGO = """
import django, sys
from django.conf import settings
from django.urls import path
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
django.setup()
from django.test import Client
from views import welcome
urlpatterns = [path("welcome", welcome)]
answer = Client().post("/welcome", {"email": "ada@example.com"})
assert answer.status_code == 202, answer.content
print(answer.json()["id"])
"""
FLASK = """
from pages import pages
answer = pages.test_client().post("/welcome", data={"email": "ada@example.com"})
assert answer.status_code == 202, answer.data
print(answer.json["id"])
"""


def write(folder: Path) -> None:
    page = (ROOT / "docs" / "peers.md").read_text()
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.S):
        (folder / name).write_text(code)
    (folder / "in_django.py").write_text(DJANGO)
    (folder / "in_flask.py").write_text(FLASK)


def run(folder: Path, program: str, url: str) -> list[str]:
    """Without anything of ours in its path. Returns the ids that it prints."""
    write(folder)
    answer = subprocess.run([sys.executable, program], cwd=folder, env={"BROKER_URL": url, "PYTHONPATH": str(folder)},
                            capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()
