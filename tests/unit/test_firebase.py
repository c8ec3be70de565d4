"""What Firebase's answers mean, and how it is asked: over HTTP, to a server that answers as Google's do."""

import base64
import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from pydantic import ValidationError

from app import asking, firebase
from app.config import ConfigError, Settings
from app.jobs import push
from app.jobs.push import Push, check
from app.scrubber import Scrubber
from tests import firebase_api as api

MESSAGE = {"token": "device-1", "notification": {"title": "Hello"}}


@pytest.fixture
def google(monkeypatch):
    monkeypatch.setattr(firebase, "_tokens", {})  # another test's server may have had the same port
    google = api.Google()
    yield google
    google.end()


def settings(google, **env) -> Settings:
    return Settings.from_env({"APP_ENV": "development"} | google.env | env)


def send(google, *messages, **env):
    with firebase.session(settings(google, **env)) as session:
        for message in messages or (MESSAGE,):
            session.send(message)


def test_a_message_goes_to_the_project_of_the_account_under_one_token_for_many(google):
    send(google, MESSAGE, MESSAGE)
    send(google)
    assert (google.sent, google.granted) == ([MESSAGE] * 3, 1)


def test_a_token_that_nearly_ends_is_not_used_any_more(google):
    google.expires_in = firebase.SPARE_SECONDS
    send(google)
    send(google)
    assert (len(google.sent), google.granted) == (2, 2)


def test_a_token_that_was_withdrawn_is_asked_for_anew_once(google):
    google.answers = [api.UNAUTHENTICATED]
    send(google)
    assert (len(google.sent), google.granted) == (1, 2)
    google.answers = [api.UNAUTHENTICATED] * 2
    with pytest.raises(firebase.Refused, match="FIREBASE_SERVICE_ACCOUNT="):
        send(google)


@pytest.mark.parametrize("answer, code, invalid", [
    (api.UNREGISTERED, "UNREGISTERED", True), (api.NO_TOKEN, "INVALID_ARGUMENT", True),
    (api.NO_TOKEN_BY_FIELD, "INVALID_ARGUMENT", True), (api.SENDER, "SENDER_ID_MISMATCH", False),
    (api.APNS, "THIRD_PARTY_AUTH_ERROR", False)])
def test_what_is_wrong_with_one_device_is_said_of_it_alone(google, answer, code, invalid):
    google.answers = [answer]
    with pytest.raises(firebase.Rejected) as found:
        send(google)
    assert (found.value.code, found.value.invalid, len(google.asked)) == (code, invalid, 1)


@pytest.mark.parametrize("answer, why", [
    (api.DENIED, "403 Permission .* Turn the Firebase Cloud Messaging API on"), (api.NO_PROJECT, "404 Requested"),
    (api.BAD_DATA, "400 Invalid data payload key: from")])
def test_what_all_would_get_is_final_and_says_what_to_mend(google, answer, why):
    google.answers = [answer]
    with pytest.raises(firebase.Refused, match=why):
        send(google)


@pytest.mark.parametrize("answer, wait, all", [
    (api.QUOTA, 60, True), ((*api.QUOTA[:1], {"Retry-After": "7"}, api.QUOTA[2]), 7, True),
    (api.UNAVAILABLE, 10, False), ((503, {"Retry-After": "99999"}, b""), 3600, False), (api.INTERNAL, 10, False),
    (api.BAD_GATEWAY, 10, False), ((302, {"Location": "http://127.0.0.1:1/"}, b""), 10, False),
    ((200, {}, b"<html>"), 10, False), ((200, {}, b"[" * 50_000), 10, False),
    ((200, {}, b'{"a": ' + b'"x' * 99_999), 10, False),
    ((500, {}, {"error": {"details": {"@type": 1}, "message": ["x"]}}), 10, False),
    ((408, {}, {"error": [1]}), 10, False)])
def test_what_may_go_later_is_not_final_and_waits_as_google_asks(google, answer, wait, all):
    google.answers = [answer]
    with pytest.raises(firebase.Undelivered) as found:
        send(google)
    assert (found.value.wait, found.value.all, len(str(found.value)) < 400) == (wait, all, True)


@pytest.mark.parametrize("details", [{"errorCode": "UNREGISTERED"}, ["UNREGISTERED"], [{"@type": api.FCM}], None,
                                     [{"@type": api.BAD_REQUEST, "fieldViolations": 5}]])
def test_an_error_of_no_known_form_makes_no_token_invalid(google, details):
    google.answers = [(404, {}, {"error": {"details": details}})]
    with pytest.raises(firebase.Refused, match="404"):
        send(google)


def test_no_error_names_the_device(google):
    for status in (400, 403, 500):
        google.answers = [api.error(status, "X", "about device-1")]
        with pytest.raises((firebase.Refused, firebase.Undelivered)) as found:
            send(google)
        assert "device-1" not in str(found.value) and "about …" in str(found.value)


@pytest.mark.parametrize("answer, error", [
    (api.DELETED_KEY, firebase.Refused), ((401, {}, {"error": "invalid_client"}), firebase.Refused),
    ((503, {}, b""), firebase.Undelivered), ((429, {}, b""), firebase.Undelivered), ((200, {}, b"no"),
     firebase.Undelivered), ((200, {}, {"access_token": "a\r\nX-Evil: 1"}), firebase.Undelivered),
    ((200, {}, {"access_token": 5}), firebase.Undelivered), ((302, {"Location": "http://x"}, b""),
                                                             firebase.Undelivered)])
def test_without_an_access_token_nothing_is_sent(google, answer, error):
    google.grants = [answer]
    with pytest.raises(error, match="token"):
        send(google)
    assert not google.asked


def test_google_away_is_worth_another_attempt(google):
    for url in ("FIREBASE_API_URL", None):
        account = google.account | ({} if url else {"token_uri": "http://127.0.0.1:1/token"})
        with pytest.raises(firebase.Undelivered, match="out of reach") as found:
            send(google, FIREBASE_SERVICE_ACCOUNT=json.dumps(account), **({url: "http://127.0.0.1:1"} if url else {}))
        assert found.value.all


def test_an_answer_that_never_ends_is_cut_off(google, monkeypatch):
    """Each byte comes in time; all of them never do."""
    monkeypatch.setattr(asking, "MOST_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        def dribble():
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
                with suppress(OSError):  # who asked has hung up
                    for _ in range(100):
                        time.sleep(0.05)
                        connection.sendall(b" ")

        threading.Thread(target=dribble, daemon=True).start()
        with pytest.raises(firebase.Undelivered, match="out of reach"):
            send(google, FIREBASE_API_URL=f"http://127.0.0.1:{server.getsockname()[1]}")


def test_the_rest_of_an_answer_that_is_too_long_is_not_taken_for_the_next(google):
    google.answers = [(500, {}, b"x" * 3 * asking.MOST_BYTES)]
    with firebase.session(settings(google)) as session:
        with pytest.raises(firebase.Undelivered):
            session.send(MESSAGE)
        session.send(MESSAGE)
    assert google.sent == [MESSAGE]


def test_the_variable_may_be_the_file_or_its_base64(google):
    text = json.dumps(google.account, indent=2)
    wrapped = base64.encodebytes(text.encode()).decode()
    found = {settings(google, FIREBASE_SERVICE_ACCOUNT=value).firebase for value in (text, wrapped)}
    assert [account.project_id for account in found] == ["shop"]


@pytest.mark.parametrize("change", [
    {"private_key": "-----BEGIN PRIVATE KEY-----\\nMII\\n"}, {"private_key": None}, {"client_email": ""},
    {"project_id": 5}, {"token_uri": "oauth2.googleapis.com/token"}])
def test_a_key_that_is_none_stops_the_process_and_is_not_repeated(google, change):
    for value in (json.dumps(google.account | change), "{", "AAAA", "[]", "no base64!"):
        with pytest.raises(ConfigError) as found:
            settings(google, FIREBASE_SERVICE_ACCOUNT=value)
        assert str(found.value).startswith("FIREBASE_SERVICE_ACCOUNT is no key of a service account")
        assert "MII" not in str(found.value)


def test_in_production_nothing_goes_out_in_the_clear(google):
    with pytest.raises(ConfigError) as found:
        settings(google, APP_ENV="production")
    assert "FIREBASE_SERVICE_ACCOUNT" in str(found.value) and "FIREBASE_API_URL" in str(found.value)


def test_the_key_is_masked_wherever_it_is_written(google):
    scrubber, key = Scrubber.of(settings(google)), google.account["private_key"]
    for text in (key, json.dumps(google.account), repr(google.account), *key.split("\n")[1:-2]):
        assert not set(key.split("\n")[1:-2]) & set(scrubber.text(text).replace("\\n", "\n").split("\n")), text


def test_a_release_is_told_of_an_account_that_google_does_not_know(google):
    assert check(settings(google)) == []
    assert check(settings(google, FIREBASE_SERVICE_ACCOUNT="")) == []
    firebase._tokens.clear()
    google.grants = [api.DELETED_KEY, (503, {}, b"")]
    with pytest.raises(ValueError, match=r"400 Invalid JWT Signature.*heroku config:set"):
        check(settings(google))
    assert "503" in check(settings(google))[0].sentence
    damaged = google.account | {"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}
    with pytest.raises(ValueError, match="is damaged"):
        check(settings(google, FIREBASE_SERVICE_ACCOUNT=json.dumps(damaged)))


@pytest.mark.parametrize("params, why", [
    ({"title": "x"}, "one of them"), ({"token": "a", "topic": "b", "title": "x"}, "one of them"),
    ({"token": "a"}, "needed"),
    ({"token": "a b", "title": "x"}, "token"), ({"tokens": [], "title": "x"}, "tokens"),
    ({"tokens": ["a"] * 501, "title": "x"}, "tokens"),
    ({"tokens": ["a" * 200] * 301, "title": "x"}, "60,000 characters"),
    ({"token": "a", "body": "ä" * 2000, "data": {"x": "y" * 100}}, "4,096 bytes"),
    ({"token": "a", "data": {"x": 5}}, "data"), ({"token": "a", "title": "x", "ttl": 28 * 86400 + 1}, "ttl")])
def test_what_firebase_would_not_take_is_refused_at_once(params, why):
    with pytest.raises(ValidationError, match=why):
        Push.model_validate(params)


def test_a_message_has_what_each_platform_needs_and_no_more():
    plain = push._message(Push(topic="news", data={"a": "b"}), "news", "id-1")
    assert plain == {"topic": "news", "data": {"a": "b"}}
    full = push._message(Push(token="t", title="T", body="B", image="https://i/x.png", ttl=60), "t", "id-1")
    expires = full["apns"]["headers"].pop("apns-expiration")
    assert abs(int(expires) - time.time() - 60) < 30
    assert full == {
        "token": "t", "notification": {"title": "T", "body": "B", "image": "https://i/x.png"},
        "android": {"notification": {"tag": "id-1"}, "ttl": "60s"}, "apns": {"headers": {"apns-collapse-id": "id-1"}},
        "webpush": {"headers": {"TTL": "60"}}}
