"""Both processes as the platform starts them: the Procfile's commands, no APP_ENV, what the button sets."""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from honcho.environ import parse_procfile

from tests.dynos import ROOT, Dynos, Process, wait_for


class Production(Dynos):
    """The Procfile's own commands, with neither the tests' tasks nor development's leniency."""

    def __init__(self, redis_url, tmp, **env):
        super().__init__(redis_url, tmp, API_TOKEN=secrets.token_hex(32), SECRET_KEY=secrets.token_hex(32), **env)
        del self.env["APP_ENV"], self.env["PYTHONPATH"]

    def start(self, name):
        command = parse_procfile((ROOT / "Procfile").read_text()).processes[name].split()
        command[0] = str(Path(sys.executable).parent / command[0])
        self.processes.append(Process(command, self.env, self.tmp / f"{name}.log"))
        return self.processes[-1]


def test_the_procfile_runs_in_production(redis, tmp_path):
    from dev.redis_server import free_port

    port = free_port()
    dynos = Production(redis.url, tmp_path, PORT=str(port), DYNO="web.1",
                       FORWARDED_ALLOW_IPS="*")  # as Heroku's buildpack sets it
    try:
        web, worker = dynos.start("web"), dynos.start("worker")
        base = f"http://127.0.0.1:{port}"

        def ready():
            try:
                return json.load(urllib.request.urlopen(base + "/health/ready", timeout=5))
            except OSError:
                return None

        assert wait_for(ready, 30, "the app to be ready") == {"status": "ready", "workers": 1}
        # As the router of the platform asks.
        answer = urllib.request.urlopen(urllib.request.Request(base + "/sign-in", headers={
            "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.1", "SCRIPT_NAME": "/elsewhere"}))
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.headers["Strict-Transport-Security"]
        for process in (web, worker):
            process.signal_all(15)
        assert (web.wait(), worker.wait()) == (0, 0)
    finally:
        dynos.end()


@pytest.mark.parametrize("name", ["web", "worker", "release"])
def test_each_process_refuses_a_wrong_environment_in_plain_lines(name, tmp_path):
    command = parse_procfile((ROOT / "Procfile").read_text()).processes[name].split()
    command[0] = str(Path(sys.executable).parent / command[0])
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LEASE_SECONDS": "soon"}
    answer = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1
    lines = answer.stderr.strip().splitlines()
    assert [line.split()[0] for line in lines] == ["REDIS_URL", "API_TOKEN", "SECRET_KEY", "LEASE_SECONDS"]
