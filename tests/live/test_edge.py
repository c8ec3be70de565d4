"""The outermost layer: proxies, HTTPS, host names, headers of every answer."""

from io import BytesIO

import pytest

from app.config import Settings
from app.web import create_app
from tests.house import House

TOKEN = "t" * 32
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECURE = {"X-Forwarded-Proto": "https"}


@pytest.fixture
def make(redis):
    """Make an app in production."""
    made = []

    def make(**env):
        made.append(create_app(Settings.from_env({
            "REDIS_URL": redis.url, "API_TOKEN": TOKEN, "SECRET_KEY": "s" * 32, "PROXY_HOPS": "1"} | env)))
        return made[-1].test_client()

    yield make
    for app in made:
        app.extensions["store"].redis.close()


@pytest.mark.parametrize("path", ["/", "/sign-in?x=1&y=%26", "/jobs/a%20b", "/nothing", "/static/page.js"])
def test_a_page_by_plain_http_is_found_by_https(make, path):
    for method in ("GET", "HEAD"):
        answer = make().open(path, method=method, base_url="http://app.example.com")
        assert (answer.status_code, answer.location) == (308, f"https://app.example.com{path}")
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("method, path", [
    ("GET", "/api/kinds"), ("POST", "/api/jobs"), ("POST", "/sign-in"), ("POST", "/actions"), ("GET", "/api/nothing")])
def test_what_may_hold_a_token_is_not_sent_again_but_refused(make, method, path):
    answer = make().open(path, method=method, headers=BEARER, data={"token": TOKEN})
    assert (answer.status_code, answer.location) == (403, None)
    assert "Use https" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert (answer.content_type == "application/problem+json") is path.startswith("/api/")


def test_by_https_all_is_as_ever_and_stays_so_for_a_year(make):
    http = make()
    answer = http.get("/api/kinds", headers=BEARER | SECURE)
    assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    assert http.get("/sign-in", headers=SECURE).status_code == 200
    assert "Strict-Transport-Security" in http.get("/nothing", headers=SECURE).headers


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_the_platform_asks_for_health_as_it_likes(make, path):
    for headers in ({}, SECURE, {"Host": "10.0.0.7:8000"}, {"Host": "_"}):
        assert make(ALLOWED_HOSTS="app.example.com").get(path, headers=headers).status_code in (200, 503)
        assert "status" in make().get(path, headers=headers).json


def test_without_a_proxy_and_in_development_plain_http_is_all_there_is(make, redis):
    for http in (make(PROXY_HOPS="0"), make(APP_ENV="development")):
        answer = http.get("/api/kinds", headers=BEARER | SECURE)
        assert (answer.status_code, "Strict-Transport-Security" in answer.headers) == (200, False)


@pytest.mark.parametrize("hops, given, seen", [
    ("0", "203.0.113.1", "127.0.0.1"), ("1", "203.0.113.1", "203.0.113.1"),
    ("1", "198.51.100.9, 203.0.113.1", "203.0.113.1"), ("2", "198.51.100.9, 203.0.113.1", "198.51.100.9"),
    ("2", "6.6.6.6, 198.51.100.9, 203.0.113.1", "198.51.100.9"), ("2", "203.0.113.1", "127.0.0.1")])
def test_a_clients_address_is_what_the_proxies_in_front_say_and_not_the_client(make, hops, given, seen):
    http = make(PROXY_HOPS=hops)
    http.post("/sign-in", data={"token": "wrong"}, headers={"X-Forwarded-For": given, "Forwarded": "for=6.6.6.6",
                                                            "X-Real-IP": "6.6.6.6"} | SECURE)
    redis = http.application.extensions["store"].redis
    (key,) = redis.keys("jobs:limits:*sign-in*hour*") or redis.keys("jobs:limits:*sign-in*10*")
    assert f"/{seen}/" in key


def test_nothing_else_that_a_client_says_of_a_proxy_is_believed(make):
    headers = SECURE | {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "1",
                        "X-Forwarded-Server": "evil.example", "X-Original-URL": "/health/live"}
    answer = make().get("/", headers=headers, base_url="https://app.example.com")
    assert (answer.status_code, answer.location) == (302, "/sign-in")
    answer = make().get("/", headers=headers | {"X-Forwarded-Proto": "http"}, base_url="http://app.example.com")
    assert answer.location == "https://app.example.com/"


@pytest.mark.parametrize("host, status", [
    ("app.example.com", 200), ("app.example.com:443", 200), ("APP.example.com", 200), ("evil.example", 400),
    ("app.example.com.evil.example", 400), ("a.example.org", 200), ("example.org", 200), ("10.0.0.7", 400),
    ("app.example.com@evil.example", 400), ("", 400)])
def test_the_app_answers_to_its_names_alone(make, host, status):
    http = make(ALLOWED_HOSTS="app.example.com,.example.org")
    for path in ("/sign-in", "/api/kinds"):
        answer = http.get(path, headers=BEARER | SECURE | {"Host": host})
        assert answer.status_code == status
        assert status == 200 or "ALLOWED_HOSTS" in answer.text and "Location" not in answer.headers
        assert (answer.content_type == "application/problem+json") is (path == "/api/kinds" and status == 400)
        assert "errors" not in answer.text, "the body is not to blame"


@pytest.mark.parametrize("host", ["a b", "a/b", "a\\b", "é", ""])
def test_a_host_that_is_none_leads_nowhere(make, host):
    assert make().get("/", headers={"Host": host}).status_code == 400


HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
           "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}


def test_every_answer_has_the_headers_that_keep_a_browser_safe(redis):
    house = House(redis.url)
    people = house.app.test_client(), house.person()
    for http in people:
        for _endpoint, method, path in house.doors():
            if path == "/sign-out":
                continue
            answer = house.knock(http, method, path)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
            assert "geolocation=()" in answer.headers["Permissions-Policy"]
            assert answer.headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store"), path
            assert answer.headers["Content-Security-Policy"]
    house.close()


def test_only_a_view_of_ours_may_stand_in_a_frame_and_only_in_ours(redis):
    house = House(redis.url)
    file = house.app.extensions["files"].put("a.html", "text/html", BytesIO(b"<b>"), most_mb=1,
                                             limit="").id
    house.store.run_now(house.job)
    run = house.store.start(house.job, "w", 60, "sample", "{}", 1, "default")
    house.store.settle(house.job, run.token, "w", "succeeded", result={
        "file": {"id": file, "name": "a.html", "type": "text/html", "bytes": 3}})
    http = house.person()
    view, download = http.get(f"/jobs/{house.job}/view"), http.get(f"/jobs/{house.job}/file")
    assert view.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in view.headers["Content-Security-Policy"]
    assert "sandbox;" in view.headers["Content-Security-Policy"]
    assert download.headers["X-Frame-Options"] == "DENY"
    house.close()
