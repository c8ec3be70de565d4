"""How often somebody may ask: each token, each session, each address without one."""

import pytest

from tests.house import OWNER, READER, House

BEARER = {"Authorization": f"Bearer {OWNER}"}


@pytest.fixture
def make(redis):
    houses = []

    def make(limit: int = 5):
        houses.append(House(redis.url, RATE_LIMIT=str(limit)))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


def codes(ask, times):
    return [ask().status_code for _ in range(times)]


def test_a_token_that_asks_too_often_is_told_when_to_come_again_and_no_other(make):
    house = make()
    http = house.app.test_client()
    assert codes(lambda: http.get("/api/kinds", headers=BEARER), 6) == [200] * 5 + [429]
    answer = http.post("/api/jobs", json={"kind": "sample", "params": {"label": "x"}}, headers=BEARER)
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    seconds = int(answer.headers["Retry-After"])
    assert 0 < seconds <= 60
    assert answer.json["detail"] == f"More than 5 requests a minute (RATE_LIMIT). Try again in {seconds} s."
    assert sum(house.store.counts().values()) == 1, "only that of the house itself"
    assert http.get("/api/kinds", headers={"Authorization": f"Bearer {READER}"}).status_code == 200


def test_two_processes_count_together(make):
    first, second = make().app.test_client(), make().app.test_client()
    assert codes(lambda: first.get("/api/kinds", headers=BEARER), 3) == [200] * 3
    assert codes(lambda: second.get("/api/kinds", headers=BEARER), 3) == [200, 200, 429]


def test_a_session_that_asks_too_often_sees_a_page_that_says_so(make):
    house = make()
    first, second = house.person(), house.person()
    assert codes(lambda: first.get("/"), 6) == [200] * 5 + [429]
    answer = first.get("/", headers={"Accept-Language": "es"})
    assert answer.headers["Retry-After"] in answer.text
    assert "Más de 5 peticiones por minuto" in answer.text
    assert second.get("/").status_code == 200


def test_who_has_neither_is_counted_by_address(make):
    http = make().app.test_client()

    def ask(address, path="/sign-in"):
        return http.get(path, environ_base={"REMOTE_ADDR": address})

    assert codes(lambda: ask("203.0.113.1"), 6) == [200] * 5 + [429]
    assert ask("203.0.113.1", "/nothing").status_code == 429
    assert ask("203.0.113.1", "/api/kinds").content_type == "application/problem+json"
    assert ask("203.0.113.2", "/nothing").status_code == 404


def test_health_and_static_files_are_not_counted(make):
    http = make().app.test_client()
    for path in ("/health/live", "/static/page.js"):
        assert codes(lambda path=path: http.get(path), 12) == [200] * 12


def test_without_a_limit_nothing_is_counted(make):
    house = make(0)
    assert set(codes(lambda: house.app.test_client().get("/api/kinds", headers=BEARER), 30)) == {200}
    assert not house.raw.keys("jobs:limits:*")


def test_wrong_tokens_are_counted_by_address_whatever_the_limit(make):
    http = make(0).app.test_client()

    def guess(address="203.0.113.1", token="wrong"):
        return http.get("/api/kinds", headers={"Authorization": f"Bearer {token}"},
                        environ_base={"REMOTE_ADDR": address})

    assert codes(guess, 61) == [401] * 60 + [429]
    answer = guess()
    assert answer.content_type == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert guess("203.0.113.2").status_code == 401
    assert guess(token=OWNER).status_code == 200, "a program with the right token goes on"


def test_counts_go_when_their_minute_is_over(make):
    house = make()
    house.app.test_client().get("/api/kinds", headers=BEARER)
    (key,) = house.raw.keys("jobs:limits:*")
    assert 0 < house.raw.ttl(key) <= 60
    house.raw.delete(key)
    assert OWNER.encode() not in key
