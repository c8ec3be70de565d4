import os

import pytest
from redis.exceptions import ResponseError

from app.config import Settings
from app.connections import connect, with_tls
from app.queue import configuration


@pytest.mark.parametrize("url, expected", [
    ("redis://:p@h:6379/0", "redis://:p@h:6379/0"),
    ("rediss://:p@h:6379/0", "rediss://:p@h:6379/0?ssl_cert_reqs=none"),
    ("rediss://h?ssl_cert_reqs=CERT_NONE", "rediss://h?ssl_cert_reqs=none"),
    ("rediss://h?ssl_cert_reqs=required&ssl_ca_certs=/ca", "rediss://h?ssl_cert_reqs=required&ssl_ca_certs=%2Fca"),
    ("amqps://h", "amqps://h"),
])
def test_the_certificate_check_is_spelled_so_that_every_client_accepts_it(url, expected):
    assert with_tls(url) == expected


def settings(**env):
    secrets = {"API_TOKEN": "t" * 32, "SECRET_KEY": "s" * 32}
    return Settings.from_env({"REDIS_URL": "redis://h/0", "DYNO_RAM": "512"} | secrets | env)


def test_children_fit_into_the_memory_of_the_dyno():
    for megabytes in (512, 1024, 2560):
        conf = configuration(settings(DYNO_RAM=str(megabytes)))
        assert conf["worker_concurrency"] * conf["worker_max_memory_per_child"] / 1024 < 0.8 * megabytes


def test_every_wait_for_redis_has_an_end():
    conf = configuration(settings())
    assert conf["broker_transport_options"]["socket_timeout"]
    assert conf["broker_transport_options"]["socket_connect_timeout"]
    assert conf["redis_socket_timeout"] and conf["redis_socket_connect_timeout"]
    assert conf["broker_transport_options"]["health_check_interval"] < 300
    assert conf["redis_backend_health_check_interval"] < 300


def test_remote_control_is_off_unless_asked_for():
    assert configuration(settings())["worker_enable_remote_control"] is False
    assert configuration(settings(REMOTE_CONTROL="1"))["worker_enable_remote_control"] is True


class TooLong(Exception):
    """A soft time limit: a signal raises it wherever the job is."""


def test_the_answer_to_a_command_that_was_broken_off_is_no_other_commands(redis, monkeypatch):
    client = connect(redis.url, patient=True)

    def read(*_):
        raise TooLong

    with monkeypatch.context() as patch, pytest.raises(TooLong):
        patch.setattr(client, "parse_response", read)
        client.ping()
    assert client.echo("mine") == "mine"
    client.close()


def test_a_command_that_fails_leaves_the_connection_open(redis):
    client = connect(redis.url, patient=False)
    connection = client.client_id()
    with pytest.raises(ResponseError):
        client.execute_command("NONSENSE")
    assert client.client_id() == connection
    try:
        raise ValueError
    except ValueError:
        assert client.client_id() == connection  # amid an error of somebody else's
    client.close()


def test_a_connection_that_was_cut_is_opened_again(redis):
    client, other = connect(redis.url, patient=False), connect(redis.url, patient=False)
    client.ping()
    other.client_kill_filter(_type="normal", skipme=True)
    assert client.ping()
    for each in (client, other):
        each.close()


def test_the_answers_to_a_handshake_that_was_broken_off_are_no_commands(redis, monkeypatch):
    client = connect(redis.url, patient=True)
    client.ping()
    client.connection_pool.disconnect()

    def read(*_, **__):
        raise TooLong

    with monkeypatch.context() as patch, pytest.raises(TooLong):
        patch.setattr("redis.connection.Connection.read_response", read)
        client.ping()
    assert [client.echo(word) for word in ("mine", "too")] == ["mine", "too"]


def test_a_fork_does_not_wait_for_what_a_thread_of_its_parent_has(redis):
    client = connect(redis.url, patient=False)
    client.ping()
    client.connection_pool.get_connection()
    pid = os.fork()
    if not pid:
        try:
            os._exit(not client.ping())
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
