"""Who gets in where: each route that the app has, without credentials, with wrong ones, and with a reader's."""

import re

import pytest
from flask import Blueprint

from app.config import Settings
from app.store import PREFIX
from app.web import create_app
from app.web.sessions import SECONDS
from tests.house import LOOKING, OWNER, READER, House

#: What is in a mail, a reader does not see.
PRIVATE = ("mailbox.html", "mailbox.attachment")
JSON = {"kind": "sample", "params": {"label": "x"}}


@pytest.fixture
def house(redis):
    house = House(redis.url)
    yield house
    house.close()


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {OWNER}x",
                                    f"Bearer {OWNER[:-1]}", f"Basic {OWNER}", OWNER, f"Bearer {OWNER},{READER}"])
def test_without_a_token_of_ours_no_call_of_the_api_is_answered(house, header):
    before, calls = house.inside(), house.closed(api=True)
    assert len(calls) > 20
    for _endpoint, method, path in calls:
        answer = house.knock(house.app.test_client(), method, path, json=JSON,
                             headers={"Authorization": header} if header is not None else {})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), (method, path)
        assert answer.content_type == "application/problem+json"
    assert house.inside() == before


def test_a_session_opens_nothing_of_the_api(house):
    before, http = house.inside(), house.person()
    for _endpoint, method, path in house.closed(api=True):
        assert house.knock(http, method, path, json=JSON).status_code == 401, (method, path)
    assert house.inside() == before


def test_a_reader_looks_at_all_of_the_api_and_changes_nothing(house):
    before = house.inside()
    for _endpoint, method, path in house.closed(api=True):
        answer = house.knock(house.app.test_client(), method, path, json=JSON,
                             headers={"Authorization": f"Bearer {READER}"})
        assert (answer.status_code not in (401, 403)) is (method in LOOKING), (method, path)
        assert method in LOOKING or answer.status_code == 403
    assert house.inside() == before


def nobody(house):
    return house.app.test_client()


def with_a_token_only(house):
    http = house.app.test_client()
    http.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {OWNER}"
    return http


def expired(house):
    http = house.person()
    with http.session_transaction() as session:
        session["since"] -= SECONDS + 1
    return http


def forged(house):
    """Signed, but with another key."""
    other = House(house.env["REDIS_URL"], SECRET_KEY="guessed")
    http = house.app.test_client()
    http.set_cookie("session", other.person().get_cookie("session").value)
    other.close()
    return http


def of_a_token_that_was_changed(house):
    other = House(house.env["REDIS_URL"], API_TOKEN="older-token")
    http = house.app.test_client()
    http.set_cookie("session", other.person("older-token").get_cookie("session").value)
    other.close()
    return http


def signed_out(house):
    """A copy of the cookie was kept."""
    http = house.person()
    cookie = http.get_cookie("session").value
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    assert http.post("/sign-out", data={"csrf": csrf}).location == "/sign-in"
    assert http.get_cookie("session") is None
    http.set_cookie("session", cookie)
    return http


@pytest.mark.parametrize("who", [nobody, with_a_token_only, expired, forged, of_a_token_that_was_changed, signed_out])
def test_who_is_not_signed_in_is_sent_to_do_so_from_everywhere(house, who):
    pages = house.closed(api=False)
    assert len(pages) > 20
    http = who(house)
    cookie, before = http.get_cookie("session"), house.inside()
    for _endpoint, method, path in pages:
        if cookie:
            http.set_cookie("session", cookie.value)
        answer = house.knock(http, method, path, data={"label": "x"})
        assert (answer.status_code, answer.location) == (302, "/sign-in"), (method, path)
    assert house.inside() == before


def test_a_reader_looks_at_every_page_and_sends_no_form_but_the_one_that_signs_out(house):
    before, http = house.inside(), house.person(READER)
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    for endpoint, method, path in house.closed(api=False):
        if endpoint == "auth.sign_out":
            continue
        answer = house.knock(http, method, path, data={"label": "x", "csrf": csrf})
        assert answer.location != "/sign-in"
        hidden = method not in LOOKING or endpoint in PRIVATE and method != "OPTIONS"
        assert (answer.status_code == 403) is hidden, (method, path)
    assert house.inside() == before
    assert http.post("/sign-out", data={"csrf": csrf}).location == "/sign-in"


def test_what_is_open_to_everybody_is_this_and_no_more(house):
    answers = [(path, house.knock(nobody(house), method, path)) for _endpoint, method, path in house.doors()]
    assert {path for path, answer in answers if answer.status_code not in (401, 403)
            and answer.location != "/sign-in"} == {"/static/page.js", "/health/live", "/health/ready", "/sign-in"}


def test_what_is_not_there_is_404_or_405_to_everybody(house):
    for http in (nobody(house), house.person(READER), house.person()):
        for method, path, status in (("GET", "/nothing", 404), ("POST", "/api/nothing", 404), ("PUT", "/", 405),
                                     ("TRACE", "/api/jobs", 405), ("DELETE", "/api/kinds", 405), ("GET", "/api", 404)):
            assert house.knock(http, method, path).status_code == status, (method, path)


def forms(house):
    return [(endpoint, path) for endpoint, method, path in house.doors()
            if method not in LOOKING and not path.startswith("/api/")]


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}])
def test_a_form_that_another_site_sends_is_refused_even_with_the_right_field(house, headers):
    http = house.person()
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    before, cookie = house.inside(), http.get_cookie("session").value
    for _endpoint, path in forms(house):
        data = {"label": "x", "csrf": csrf, "token": READER, "one": f"cancel {house.job}"}
        assert house.knock(http, "POST", path, data=data, headers=headers).status_code == 403, path
    assert house.inside() == before
    assert http.get_cookie("session").value == cookie


@pytest.mark.parametrize("whose", ["nobody's", "another session's", "signed by somebody else"])
def test_a_form_without_the_field_of_its_session_is_refused(house, whose):
    http, other = house.person(), house.person()
    csrf = {"nobody's": "", "signed by somebody else": "ImEi.x", "another session's":
            re.search('name="csrf" value="(.+?)"', other.get("/").text)[1]}[whose]
    before, paths = house.inside(), [path for endpoint, path in forms(house) if endpoint != "auth.check"]
    assert len(paths) > 4
    for path in paths:
        data = {"label": "x", "one": f"cancel {house.job}"} | ({"csrf": csrf} if csrf else {})
        assert house.knock(http, "POST", path, data=data).status_code == 403, path
    assert house.inside() == before
    assert http.get("/").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"},
                                     {"Sec-Fetch-Site": "same-origin", "Origin": "http://behind.a.proxy"}])
def test_a_form_of_ours_is_taken(house, headers):
    http = house.person(**headers)
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    answer = http.post("/actions", data={"csrf": csrf, "one": f"cancel {house.job}"}, headers=headers)
    assert answer.status_code == 303
    assert house.store.get(house.job)["state"] == "cancelled"


def test_a_blueprint_that_says_nothing_of_who_may_use_it_is_closed(house):
    app, forgetful = create_app(Settings.from_env(house.env)), Blueprint("forgetful", __name__)
    forgetful.route("/api/forgetful", methods=["GET", "POST"])(lambda: "secret")
    forgetful.route("/forgetful", methods=["GET", "POST"], endpoint="page")(lambda: "secret")
    app.register_blueprint(forgetful)
    for method in ("GET", "POST"):
        assert app.test_client().open("/api/forgetful", method=method).status_code == 401
        assert app.test_client().open("/forgetful", method=method).location == "/sign-in"


def test_signing_out_ends_that_session_and_no_other(house):
    first, second = house.person(), house.person()
    csrf = re.search('name="csrf" value="(.+?)"', first.get("/").text)[1]
    first.post("/sign-out", data={"csrf": csrf})
    assert first.get("/").location == "/sign-in"
    assert second.get("/").status_code == 200
    (key,) = house.store.redis.keys(f"{PREFIX}ended:*")
    assert SECONDS - 60 < house.store.redis.ttl(key) <= SECONDS
