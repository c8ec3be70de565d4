"""What READ_TOKEN does not see, in the API and on the page, and does not learn by asking either."""

import json
from email.message import EmailMessage
from importlib.util import find_spec

import pytest
from bs4 import BeautifulSoup

from tests.house import OWNER, READER, House

HIDDEN = "••••••"
#: Params of the kind `diary`; what is between «» is private or a secret.
DIARY = {"title": "Monday", "text": "«slept badly»", "pages": [{"text": "«page one»", "day": "1"}], "pin": "«1234»",
         "mood": {"about": "«Ada»", "score": 3}}
RESULT = {"words": 2, "summary": "«tired»", "access_token": "«abc»", "found": [{"text": "«page two»", "day": "2"}]}


@pytest.fixture
def house(redis):
    house = House(redis.url)
    yield house
    house.close()


def diary(house, kind="diary", params=DIARY, result=RESULT) -> str:
    """A job that has ended. Returns its id."""
    store, id = house.store, f"{kind}-1"
    store.submit(id, kind, json.dumps({"args": [], "kwargs": {"params": params}}), queue="default", follow=json.dumps(
        {"message": json.dumps({"args": [], "kwargs": {"params": {"job": id, "url": "https://x.example/«hook»"}}}),
         "kind": "webhook", "queue": "default"}))
    run = store.start(id, "w", 60, kind, "{}", 1, "default")
    store.settle(id, run.token, "w", "succeeded", result=result)
    return id


def ask(house, path, token=READER):
    return house.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})


def text(page) -> str:
    return BeautifulSoup(page.text, "html.parser").get_text(" ")


def test_of_a_job_a_reader_sees_what_its_kind_does_not_declare_private(house):
    id = diary(house)
    job = ask(house, f"/api/jobs/{id}").json
    assert job["params"] == {"title": "Monday", "text": HIDDEN, "pages": [{"text": HIDDEN, "day": "1"}], "pin": HIDDEN,
                             "mood": {"about": HIDDEN, "score": 3}}
    assert job["result"] == {"words": 2, "summary": HIDDEN, "access_token": HIDDEN,
                             "found": [{"text": HIDDEN, "day": "2"}]}
    assert job["notify"] == HIDDEN
    assert ask(house, f"/api/jobs/{id}/result").json == job["result"]
    assert [one for one in ask(house, "/api/jobs").json["jobs"] if one["id"] == id] == [job]


def test_nothing_private_is_in_any_answer_to_a_reader(house):
    id = diary(house)
    http = house.person(READER)
    for _endpoint, method, path in house.doors():
        if method == "GET":
            path = path.replace(house.job, id)
            answers = [house.knock(http, method, path), ask(house, path)]
            if path.startswith("/new/"):
                answers.append(http.get("/new/diary", query_string={"from": id}))
            assert not [answer.text for answer in answers if "«" in answer.text], path
    assert "Monday" in text(http.get(f"/jobs/{id}"))


def test_an_owner_sees_all_by_the_api_and_all_but_secrets_on_the_page(house):
    id = diary(house)
    job = ask(house, f"/api/jobs/{id}", OWNER).json
    assert (job["params"], job["result"], job["notify"]) == (DIARY, RESULT, "https://x.example/«hook»")
    assert ask(house, f"/api/jobs/{id}/result", OWNER).json == RESULT
    page = text(house.person().get(f"/jobs/{id}"))
    assert "«slept badly»" in page and "«page one»" in page and "«tired»" in page
    assert "«1234»" not in page


@pytest.mark.parametrize("kind", ["diary", "deleted"])
def test_a_file_that_is_private_is_for_owners(house, kind):
    file = {"id": house.file, "name": "a.csv", "type": "text/html", "bytes": 3}
    id = diary(house, kind, result={"words": 1, "file": file})
    assert ask(house, f"/api/jobs/{id}/result", OWNER).text == "a\n1"
    answer = ask(house, f"/api/jobs/{id}/result")
    assert answer.json == ({"words": 1, "file": HIDDEN} if kind == "diary" else HIDDEN)
    reader, owner = house.person(READER), house.person()
    if "results" not in house.app.blueprints:
        pytest.skip("the page of results was deleted")
    for path in ("file", "view"):
        assert owner.get(f"/jobs/{id}/{path}").text == "a\n1"
        assert reader.get(f"/jobs/{id}/{path}").status_code == 404
    assert f"/jobs/{id}/file" in owner.get(f"/jobs/{id}").text
    page = reader.get(f"/jobs/{id}").text
    assert f"/jobs/{id}/file" not in page and HIDDEN in page


@pytest.mark.parametrize("kind, params", [
    ("a kind that was deleted", {"text": "«private once»"}),
    ("diary", {"was": "«a field once»"}),
])
def test_what_no_kind_declares_a_reader_does_not_see(house, kind, params):
    id = diary(house, kind, params)
    job = ask(house, f"/api/jobs/{id}").json
    assert job["params"] == dict.fromkeys(params, HIDDEN)
    assert kind == "diary" or job["result"] == HIDDEN
    assert "«" not in house.person(READER).get(f"/jobs/{id}").text


def test_arguments_in_another_form_than_a_kind_has_are_not_shown_to_a_reader(house):
    house.store.submit("odd", "diary", json.dumps({"args": [DIARY, 1], "kwargs": {"x": "«y»"}}), queue="default")
    assert ask(house, "/api/jobs/odd").json["params"] == {"args": HIDDEN, "kwargs": HIDDEN}


def test_a_schedules_params_are_masked_for_a_reader(house):
    from app import schedules

    id = schedules.create(house.app.extensions["celery"], house.app.extensions["kinds"], schedules.NewSchedule(
        kind="diary", cron="0 9 * * *", params=DIARY))[1]
    assert ask(house, f"/api/schedules/{id}").json["params"]["text"] == HIDDEN
    assert "«" not in ask(house, "/api/schedules").text
    assert ask(house, f"/api/schedules/{id}", OWNER).json["params"] == DIARY
    assert "«" not in house.person(READER).get("/schedules").text


@pytest.mark.parametrize("needle", ["slept", "SLEPT BADLY", "page one", "1234", "Monday"])
def test_a_search_tells_a_reader_nothing_of_params(house, needle):
    id = diary(house)

    def found(jobs):
        return [job["id"] for job in jobs.json["jobs"]]

    assert found(ask(house, f"/api/jobs?q={needle}", OWNER)) == [id]
    assert found(ask(house, f"/api/jobs?q={needle}")) == []
    for path in ("/", "/live"):
        assert id in house.person().get(f"{path}?q={needle}").text
        assert f'id="job-{id}"' not in house.person(READER).get(f"{path}?q={needle}").text
    assert id in found(ask(house, f"/api/jobs?q={id}")), "of what they see they may look for anything"
    assert id in found(ask(house, "/api/jobs?q=diary"))


def test_a_reader_who_searches_is_told_what_is_not_looked_into(house):
    told = "a search looks into ids, kinds and errors, not into what jobs were given"
    reader, owner = house.person(READER), house.person()
    assert told in reader.get("/?q=Monday").text
    assert told not in reader.get("/").text and told not in owner.get("/?q=Monday").text
    for http, place in ((reader, "Id, kind, error …"), (owner, "Id, address, kind, error …")):
        assert f'placeholder="{place}"' in http.get("/").text


def test_a_reader_has_no_columns_to_choose_and_act_in(house):
    for http, more in ((house.person(READER), 0), (house.person(), 2)):
        table = BeautifulSoup(http.get("/").text, "html.parser").select_one("#many table")
        assert len(table.select("thead th")) == len(table.select("tbody td")) == 5 + more
        assert len(table.select("[type=checkbox]")) == more / 2


@pytest.mark.skipif(not find_spec("app.web.report"), reason="reports were deleted")
def test_a_reader_is_not_asked_for_a_table(house):
    page, file = house.person(READER).get("/report").text, 'type="file"'
    assert file not in page and "You signed in with READ_TOKEN, which only looks." in page
    assert file in house.person().get("/report").text


def test_the_tag_of_a_page_cannot_be_computed_from_a_guess_of_what_is_private(house):
    id = diary(house)
    tags = set()
    for key in ("s", "t"):
        other = House(house.env["REDIS_URL"], SECRET_KEY=key)
        tags.add(other.person(READER).get(f"/jobs/{id}").headers["ETag"])
        other.close()
    assert len(tags) == 2


@pytest.mark.skipif(not find_spec("app.web.mailbox"), reason="the outbox page was deleted")
def test_of_a_mail_a_reader_sees_to_whom_and_what_about_but_not_what_is_in_it(house):
    from app import outbox

    message = EmailMessage()
    message["Subject"], message["To"] = "Reset your password", "ada@example.com"
    message.set_content("https://example.com/reset/0penSesame")
    message.add_alternative("<a href='https://example.com/reset/0penSesame'>", subtype="html")
    message.add_attachment("0penSesame", filename="a.txt")
    outbox.put(house.store, house.job, message, ["ada@example.com"], [house.file])
    reader, owner = house.person(READER), house.person()
    page = reader.get(f"/outbox/{house.job}")
    assert "ada@example.com" in page.text and "Reset your password" in reader.get("/outbox").text
    assert "Only who signed in with API_TOKEN sees what is in a message." in page.text
    assert "0penSesame" not in page.text and "iframe" not in page.text and "attachments/0" not in page.text
    for path in ("html", "attachments/0"):
        answer = reader.get(f"/outbox/{house.job}/{path}")
        assert (answer.status_code, "Only who signed in" in answer.text) == (403, True)
        assert owner.get(f"/outbox/{house.job}/{path}").status_code == 200
    assert "0penSesame" in owner.get(f"/outbox/{house.job}").text


@pytest.mark.parametrize("kind, private", [("email", {"text", "html"}), ("webhook", {"url"})])
def test_what_an_email_says_is_private_and_where_a_webhook_goes(house, kind, private):
    if kind not in house.app.extensions["kinds"]:
        pytest.skip("the kind was deleted")
    rules = house.app.extensions["kinds"][kind].params.model_json_schema()["properties"]
    assert {name for name, rule in rules.items() if rule.get("private")} == private
