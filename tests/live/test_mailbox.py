"""Where the page says that mail stays in the outbox."""

from email.message import EmailMessage

import pytest

from app import outbox
from app.config import Settings
from app.web import create_app
from tests import ledger  # noqa: F401 - its kind sample

NOTE = "SMTP_URL is not set: the mail will be in the outbox."


@pytest.fixture
def enter(redis):
    """Signs in to an app on the same Redis, with these settings."""
    stores = []

    def enter(**env):
        app = create_app(Settings.from_env({
            "APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t", "SECRET_KEY": "s"} | env))
        stores.append(app.extensions["store"])
        http = app.test_client()
        http.post("/sign-in", data={"token": "t"})
        return http

    yield enter
    for store in stores:
        store.redis.close()


def test_the_form_of_an_email_says_that_it_will_be_in_the_outbox(enter):
    http = enter()
    assert NOTE in http.get("/new/email").text
    assert "bandeja de salida." in http.get("/new/email", headers={"Accept-Language": "es"}).text
    other = http.get("/new/sample")
    assert (other.status_code, NOTE in other.text) == (200, False)
    assert NOTE not in enter(SMTP_URL="smtp://mail.example.com", MAIL_FROM="a@example.com").get("/new/email").text


def test_a_review_app_says_that_it_is_one_whatever_else_is_set(enter):
    smtp = {"SMTP_URL": "smtp://mail.example.com", "MAIL_FROM": "a@example.com", "HEROKU_PR_NUMBER": "7"}
    for path in ("/new/email", "/outbox"):
        for asked, said in (("en", "is a review app"), ("es", "aplicación de revisión")):
            page = enter(**smtp).get(path, headers={"Accept-Language": asked}).text
            assert said in page and "MAIL_ALLOWED_DOMAINS" in page and "SMTP_URL" not in page
        for env in (smtp | {"MAIL_ALLOWED_DOMAINS": "example.com"}, {}):
            assert "review app" not in enter(**env).get(path).text
    assert "SMTP_URL is not set" in enter(HEROKU_PR_NUMBER="7", MAIL_ALLOWED_DOMAINS="example.com").get("/outbox").text


def test_the_page_of_a_job_leads_to_its_mail_while_it_is_in_the_outbox(enter):
    http = enter()
    store = http.application.extensions["store"]
    first, second, unsent = [http.application.extensions["kinds"]["email"].task.delay({}).id for _ in range(3)]
    for id in (first, second):
        store.settle(id, store.start(id, "w", 60, "email", "{}", 1, "default").token, "w", "succeeded")
    for id in (first, unsent):
        outbox.put(store, id, EmailMessage(), ["ada@example.com"], [])

    def leads(http, id):
        return f'href="/outbox/{id}"' in http.get(f"/jobs/{id}").text

    assert [leads(http, id) for id in (first, second, unsent)] == [True, False, False]
    assert http.get(f"/outbox/{first}").status_code == 200
    assert not leads(enter(SMTP_URL="smtp://mail.example.com", MAIL_FROM="a@example.com"), first)
