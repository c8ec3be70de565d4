"""Signing in: the session that comes of it, and how often somebody may guess."""

import re
import time

import pytest

from app.config import Settings
from app.web import create_app, sessions
from tests.dynos import Server
from tests.house import OWNER, READER, House


@pytest.fixture
def house(redis):
    house = House(redis.url)
    yield house
    house.close()


def sign_in(house, token, address="203.0.113.7", **env):
    return house.app.test_client().post("/sign-in", data={"token": token}, environ_base={"REMOTE_ADDR": address})


def test_ten_wrong_tokens_a_minute_then_not_even_the_right_one(house):
    assert [sign_in(house, f"wrong {n}").status_code for n in range(12)] == [401] * 10 + [429] * 2
    answer = sign_in(house, OWNER)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert f"Too many wrong tokens. Try again in {answer.headers['Retry-After']} s." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert sign_in(house, OWNER, "203.0.113.8").status_code == 302, "another address"


def test_it_asks_for_either_token(house):
    assert "READ_TOKEN to look only" in house.app.test_client().get("/sign-in").text
    assert "That is no token of this app." in sign_in(house, "wrong").text


def test_a_hundred_wrong_tokens_an_hour(house):
    for _ in range(10):
        assert {sign_in(house, "wrong").status_code for _ in range(10)} == {401}
        minute_over(house)
    answer = sign_in(house, "wrong")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 3000) == (429, True)
    assert sign_in(house, OWNER).status_code == 429


def minute_over(house):
    for key in house.raw.keys("jobs:limits:*minute*"):
        house.raw.delete(key)


def test_who_signs_in_rightly_may_do_so_as_often_as_they_like(house):
    assert {sign_in(house, token).status_code for _ in range(60) for token in (OWNER, READER)} == {302}


@pytest.mark.parametrize("first, second, same", [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True), ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("::ffff:203.0.113.7", "203.0.113.7", True), ("203.0.113.7", "203.0.113.8", False),
    ("unknown", "unknown", True), ("", "203.0.113.7", False)])
def test_an_address_is_an_ipv4_address_or_an_ipv6_network(house, first, second, same):
    for _ in range(10):
        assert sign_in(house, "wrong", first).status_code == 401
    assert sign_in(house, "wrong", second).status_code == (429 if same else 401)


def test_the_cookie_tells_no_token_and_goes_nowhere_else(redis):
    production = create_app(Settings.from_env({
        "REDIS_URL": redis.url, "API_TOKEN": "t" * 32, "SECRET_KEY": "s" * 32}))
    answer = production.test_client().post("/sign-in", data={"token": "t" * 32}, base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    content = production.session_interface.get_signing_serializer(production).loads(cookie[15:cookie.index(";")])
    assert content.keys() == {"id", "token", "since"}
    assert "tttt" not in str(content)
    production.extensions["store"].redis.close()


def test_each_sign_in_is_another_session_and_keeps_nothing_of_the_one_before(house):
    http = house.person()
    with http.session_transaction() as session:
        session["left"] = "over"
        first = session["id"]
    http.post("/sign-in", data={"token": READER})
    with http.session_transaction() as session:
        assert "left" not in session
        assert session["id"] != first


def test_a_session_ends_seven_days_after_the_sign_in_however_much_it_was_used(house, monkeypatch):
    http, began = house.person(), time.time()
    for days in (3, 6.9):
        monkeypatch.setattr(sessions.time, "time", lambda days=days: began + days * 86400)
        assert http.get("/").status_code == 200
        http.get("/jobs/nothing")
    monkeypatch.setattr(sessions.time, "time", lambda: began + 7 * 86400 + 2)
    assert http.get("/").location == "/sign-in"


def test_a_session_may_what_its_token_may_now(house):
    http = house.person()
    demoted = House(house.env["REDIS_URL"], API_TOKEN="new-token", READ_TOKEN=OWNER)
    other = demoted.app.test_client()
    other.set_cookie("session", http.get_cookie("session").value)
    page = other.get("/").text
    assert "looks only" in page
    csrf = re.search('name="csrf" value="(.+?)"', page)[1]
    assert other.post("/actions", data={"csrf": csrf, "one": f"cancel {house.job}"}).status_code == 403
    demoted.close()


def test_signing_in_while_redis_is_away_is_503_and_no_trace(house, redis, caplog):
    redis.stop()
    for token in (OWNER, "wrong"):
        answer = sign_in(house, token)
        assert (answer.status_code, "Traceback" in answer.text) == (503, False)
        assert "Redis" in answer.text and answer.headers["Retry-After"]
    assert not [record for record in caplog.records if record.exc_info]
    redis.start()


def test_who_is_signed_in_still_looks_and_may_make_room_when_redis_is_full():
    server = Server(None, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
    house = House(server.url, RATE_LIMIT="6000")
    http = house.person()
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    house.raw.config_set("maxmemory", "1mb")
    assert http.get("/").status_code == 200
    answer = http.post("/actions", data={"csrf": csrf, "one": f"cancel {house.job}"})
    assert (answer.status_code, house.store.get(house.job)["state"]) == (303, "cancelled")
    assert sign_in(house, OWNER).status_code == 302
    assert sign_in(house, "wrong").status_code == 401
    copy = http.get_cookie("session").value
    assert http.post("/sign-out", data={"csrf": csrf}).status_code == 302
    assert house.app.test_client().get("/", headers={"Cookie": f"session={copy}"}).status_code == 302, "it has ended"
    house.close()
    server.stop()
