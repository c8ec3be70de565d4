"""The page of schedules, as a browser without scripts uses it."""

import pytest
from bs4 import BeautifulSoup

from app import schedules
from app.config import Settings
from app.web import create_app
from tests import ledger  # noqa: F401 - its kinds, sample and papers


class Person:
    """Signed in."""

    def __init__(self, url, token="t", **env):
        self.app = create_app(Settings.from_env({
            "APP_ENV": "development", "REDIS_URL": url, "API_TOKEN": "t", "READ_TOKEN": "r", "SECRET_KEY": "s"} | env))
        self.http = self.app.test_client()
        self.http.post("/sign-in", data={"token": token})
        self.store = self.app.extensions["store"]

    def schedule(self, kind="sample", cron="0 9 * * 1", **params):
        new = schedules.NewSchedule(kind=kind, cron=cron, params=params or {"label": "weekly"})
        return schedules.create(self.app.extensions["celery"], self.app.extensions["kinds"], new)[1]

    def open(self, path="/schedules", language="en"):
        answer = self.http.get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return BeautifulSoup(answer.text, "html.parser")

    def send(self, form, language="en", **fields):
        data = {tag["name"]: tag.get("value", "") for tag in form.select("input")}
        data |= {tag.parent["name"]: tag["value"] for tag in form.select("select [selected]")} | fields
        answer = self.http.post(form["action"], data=data, headers={"Accept-Language": language})
        return answer.status_code, BeautifulSoup(answer.text, "html.parser")


@pytest.fixture
def person(redis):
    person = Person(redis.url)
    yield person
    person.store.redis.close()


def test_a_schedule_is_deleted_after_a_question(person):
    first, second = person.schedule(), person.schedule(label="<b>")
    button = person.open().select_one(f"#schedule-{second} button.danger")
    question = person.open(button.find_parent("form")["action"])
    assert question.h1.text == "Delete this schedule?"
    assert "<b> sample: At 09:00 on Monday, UTC" in question.main.text
    assert len(person.store.schedules()) == 2
    status, _page = person.send(question.select_one("main form"))
    assert status == 303
    assert person.open().select_one("#said").text == "The schedule is deleted."
    assert [entry["id"] for entry in person.store.schedules()] == [first]
    assert person.http.get(f"/schedules/{second}/delete").status_code == 404


def test_who_only_looks_is_offered_no_deletion(person, redis):
    id, reader = person.schedule(), Person(redis.url, "r")
    assert not reader.open().select("main button")
    assert not reader.open(f"/schedules/{id}/delete").select("main button")
    assert reader.send(reader.open(f"/schedules/{id}/delete").select_one("main form"))[0] == 403
    assert len(person.store.schedules()) == 1
    reader.store.redis.close()


@pytest.mark.parametrize("language, field, typed, error", [
    ("en", "cron", "whenever", "is no cron expression such as '0 9 * * 1' (Mondays at 9:00): it has five fields: "
                               "minute, hour, day of month, month, day of week"),
    ("es", "cron", "a <b>", "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): tiene cinco campos: "
                            "minuto, hora, día del mes, mes y día de la semana"),
    ("es", "cron", "x 9 * * 1", "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): minuto incorrecto"),
    ("es", "cron", "0 25 * * 1", "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): hora incorrecta"),
    ("es", "cron", "0 9 x * *",
     "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): día del mes incorrecto"),
    ("es", "cron", "0 9 * x *", "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): mes incorrecto"),
    ("es", "cron", "0 9 * * x",
     "no es una expresión cron como '0 9 * * 1' (los lunes a las 9:00): día de la semana incorrecto"),
    ("es", "timezone", "Marte", "no es una zona horaria; escribe una como Europe/Madrid o UTC")])
def test_what_is_wrong_with_a_time_stands_beside_it_in_the_unfolded_form(person, language, field, typed, error):
    id, other = person.schedule(), person.schedule()
    form = person.open().select_one(f"#schedule-{id} form:has([name=cron])")
    status, page = person.send(form, language, **{field: typed})
    assert status == 422
    control = page.select_one(f"#schedule-{id} [name={field}]")
    assert (control["value"], control["aria-invalid"]) == (typed, "true")
    assert page.find(id=control["aria-describedby"]).text == error
    assert control.find_parent("details").has_attr("open")
    assert page.select_one(f"#schedule-{other} [name={field}]")["value"] != typed
    assert len(page.select(".error")) == 1
    status, _page = person.send(form, **{field: {"cron": "5 8 * * *", "timezone": "Europe/Madrid"}[field]})
    assert status == 303
    assert person.store.schedule(id)[field] in ("5 8 * * *", "Europe/Madrid")


def test_where_the_jobs_of_a_schedule_wait_is_shown_and_changed(redis):
    person = Person(redis.url, QUEUES="mail,reports")
    id, plain = person.schedule(), person.schedule()

    def row(page, id=id):
        return page.select_one(f"#schedule-{id}")

    def route():
        return [schedules.as_json(person.store.schedule(id))[name] for name in ("queue", "priority", "lane")]

    form = row(person.open()).select_one("form:has([name=cron])")
    assert person.send(form, queue="mail", priority="7", lane="<i>")[0] == 303
    assert route() == ["mail", 7, "<i>"]
    due = person.store.schedule(id)["due"]
    told = [small.text for small in row(person.open()).select("td:nth-of-type(2) > small")]
    assert told == ["Queue mail", "Priority 7", "Lane <i>"]
    assert not row(person.open(), plain).select("td:nth-of-type(2) > small")
    form = row(person.open()).select_one("form:has([name=cron])")
    assert person.send(form)[0] == 303 and route() == ["mail", 7, "<i>"], "what the form has is what there was"
    assert person.send(form, priority="", lane="")[0] == 303 and route() == ["mail", None, None]
    assert person.store.schedule(id)["due"] == due
    for field, typed, error in (("priority", "10", "less than or equal to 9"), ("lane", "x" * 101, "at most 100"),
                                ("queue", "mial", "is none of default, mail, reports")):
        status, page = person.send(form, **{field: typed})
        control = row(page).select_one(f"[name={field}]")
        assert status == 422 and error in page.find(id=control["aria-describedby"].split()[-1]).text
        assert row(page).select_one("[name=lane]")["value"] == (typed if field == "lane" else "<i>")
        assert not row(page, plain).select(".error") and route() == ["mail", None, None]
    person.store.redis.close()


def test_what_the_form_does_not_show_it_does_not_change(person):
    """There is one queue, so none to choose."""
    id = person.schedule()
    schedules.change(person.app.extensions["celery"], person.app.extensions["kinds"], id, schedules.Change(
        queue="default", lane="a"))
    form = person.open().select_one(f"#schedule-{id} form:has([name=cron])")
    assert not form.select("[name=queue]") and person.send(form, lane="b")[0] == 303
    entry = schedules.as_json(person.store.schedule(id))
    assert (entry["queue"], entry["lane"]) == ("default", "b")


def test_a_card_on_a_phone_says_what_its_times_are(person):
    id = person.schedule()
    person.store.redis.hset(f"jobs:schedule:{id}", mapping={"last": 1_800_000_000_000, "last_job": "x"})
    cells = person.open(language="es").select(f"#schedule-{id} td:has(.phone)")
    assert [cell.text.split()[0] for cell in cells] == ["Próxima", "Última"]


def test_a_secret_in_a_schedule_is_masked(person):
    person.schedule("papers", to=["ada@example.com"], password="hunter2")
    page = person.open().main.text
    assert "ada@example.com" in page
    assert "hunter2" not in page
