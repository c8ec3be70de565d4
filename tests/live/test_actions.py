"""What a person does on the page with one job, with those ticked, and with all that match. No browser: the forms."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from app.config import Settings
from app.web import create_app
from tests.dynos import wait_for

LISTS = ("all", "scheduled", "queued", "running", "succeeded", "failed", "cancelled")


class Person:
    """Signed in. Sends the forms of the pages that it has open."""

    def __init__(self, dynos, token="test-token"):
        self.dynos, self.http = dynos, create_app(Settings.from_env(dynos.env)).test_client()
        self.http.post("/sign-in", data={"token": token})

    def open(self, path) -> BeautifulSoup:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return BeautifulSoup(answer.text, "html.parser")

    def press(self, button, **ticked):
        """Send the form of a button, with what is in it and what is ticked. Returns the page that comes."""
        form = button.find_parent("form")
        data = {}
        for tag in [*form.select("input[type=hidden][name]"), button]:
            if tag.get("name") and tag["name"] not in ticked:
                data.setdefault(tag["name"], []).append(tag.get("value", ""))
        answer = self.http.post(form["action"], data=data | ticked, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return BeautifulSoup(answer.text, "html.parser")


def button(page, text, within="main"):
    (found,) = [tag for tag in page.select(f"{within} button") if text in tag.get_text()]
    return found


def said(page) -> str:
    return page.select_one("#said").get_text(" ", strip=True)


@pytest.fixture
def person(dynos):
    return Person(dynos)


@pytest.fixture
def failed(dynos):
    """Six jobs that failed of two errors, one of them with numbers and addresses that differ."""
    return [fail(dynos, number) for number in range(6)]


def fail(dynos, number: int) -> str:
    id = dynos.task("sample").delay({"label": f"job {number}"}).id
    token = dynos.store.start(id, "w", 60, "sample", "{}", 1, "default").token
    error = {"type": "Refused", "message": f"user{number}@example.com: 550 no such user {number}"} if number < 4 \
        else {"type": "ValueError", "message": "a bug"}
    dynos.store.settle(id, token, "w", "failed", error=error, traceback="Traceback …")
    return id


def schedule(dynos, count=3):
    return [dynos.task("sample").apply_async(({"label": f"later {n}"},), countdown=3600).id for n in range(count)]


def test_one_job_is_retried_from_its_row_and_its_timeline_says_who_asked(dynos, person, failed):
    page = person.press(button(person.open("/"), "Retry", f"#job-{failed[0]}"))
    assert "1 job is tried again." in said(page)
    assert dynos.job(failed[0])["state"] == "scheduled"
    assert [(act["act"], act["by"]) for act in dynos.job(failed[0])["acts"]] == [("retry", "page")]
    timeline = person.open(f"/jobs/{failed[0]}").select_one(".timeline")
    assert "Retried by a person (page)" in " ".join(timeline.text.split())
    assert dynos.store.counts()["failed"] == 5


def test_what_cannot_be_done_is_disabled_and_says_why(dynos, person, failed):
    form = person.open(f"/jobs/{failed[0]}").select_one("form.actions")
    assert [tag.get_text(" ", strip=True) for tag in form.select("button") if not tag.has_attr("disabled")] == [
        "Retry", "Delete"]
    assert form.select_one("button[value^=cancel]")["title"] == "Not possible: it has ended"
    assert "(it does not wait for its time)" in form.select_one("button[value^=run-now]").get_text()


def test_those_ticked_are_retried_after_a_page_that_says_how_many(dynos, person, failed):
    done = dynos.task("sample").apply_async(({"label": "waits"},), countdown=3600).id
    page = person.press(button(person.open("/"), "Retry", ".bulk"), id=[*failed[:3], done])
    assert page.h1.text == "Try 3 jobs again?"
    assert "1 other stays as it is: it has neither failed nor been cancelled." in page.main.get_text(" ", strip=True)
    assert dynos.store.counts()["failed"] == 6, "not before it was confirmed"
    page = person.press(button(page, "Retry"))
    assert "3 jobs are tried again." in said(page)
    assert dynos.store.counts()["failed"] == 3
    assert dynos.job(done)["state"] == "scheduled"


def test_when_the_number_was_said_there_is_no_question(dynos, person, failed):
    """As with scripts: the button says it."""
    page = person.press(button(person.open("/"), "Retry", ".bulk"), id=failed[:3], told=["3"])
    assert "3 jobs are tried again." in said(page)
    page = person.press(button(person.open("/"), "Retry", ".bulk"), id=failed[3:], told=["2"])
    assert page.h1.text == "Try 3 jobs again?", "more than was said"


def test_all_that_match_are_meant_and_no_others(dynos, person, failed):
    page = person.open("/?state=failed&q=no+such+user")
    assert len(page.select("tbody tr")) == 4
    page = person.press(button(page, "Delete", ".bulk"), all=["1"])
    assert page.h1.text == "Delete 4 jobs, with their logs and files?"
    page = person.press(button(page, "Delete"))
    assert "4 jobs are deleted." in said(page)
    assert dynos.store.counts() | {"failed": 2} == dynos.store.counts()
    assert [dynos.store.get(id) is None for id in failed] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("lane", ["customer-42", " a", "<b>"])
def test_a_jobs_lane_leads_to_those_of_it_and_all_of_them_are_no_others(dynos, person, lane):
    ids = [dynos.work("x", countdown=60, lane=lane) for _ in range(3)]
    other = dynos.work("x", countdown=60, lane=lane.strip() + "2")
    page = person.open(person.open(f"/jobs/{ids[0]}").find("a", string=lane)["href"])
    assert sorted(row["id"] for row in page.select("tbody tr")) == sorted(f"job-{id}" for id in ids)
    assert page.find("b", string=lane) and page.select_one("[role=search] [name=lane]")["value"] == lane
    assert len(person.open(page.select_one(".counts .scheduled")["href"]).select("tbody tr")) == 3
    page = person.press(button(page, "Cancel", ".bulk"), all=["1"])
    assert page.h1.text == "Cancel 3 jobs?"
    page = person.press(button(page, "Cancel"))
    assert len(page.select("tbody tr")) == 3 and "3 jobs are cancelled" in said(page)
    assert dynos.job(other)["state"] == "scheduled"


def test_all_means_more_than_a_page(dynos, person):
    ids = schedule(dynos, 130)
    page = person.open("/?state=scheduled")
    assert len(page.select("tbody tr")) == 50
    page = person.press(button(page, "Cancel", ".bulk"), all=["130"])
    assert page.h1.text == "Cancel 130 jobs?"
    person.press(button(page, "Cancel"))
    assert dynos.store.counts()["cancelled"] == len(ids)


def test_those_who_come_after_the_question_are_not_touched(dynos, person):
    schedule(dynos, 2)
    question = person.press(button(person.open("/?state=scheduled"), "Cancel", ".bulk"), all=["1"])
    schedule(dynos, 3)
    assert "2 jobs are cancelled" in said(person.press(button(question, "Cancel")))
    assert dynos.store.counts()["scheduled"] == 3


def test_the_button_of_a_row_means_its_job_whatever_is_ticked(dynos, person, failed):
    row = button(person.open("/"), "Retry", f"#job-{failed[0]}")
    row["value"] = f"delete {failed[0]}"
    question = person.press(row, id=failed[1:], all=["7"], told=["7"])
    assert question.h1.text == "Delete 1 job, with its log and its file?"
    person.press(button(question, "Delete"))
    assert [dynos.store.get(id) is None for id in failed] == [True] + [False] * 5


def test_those_who_end_after_the_question_are_not_deleted(dynos, person, failed):
    question = person.press(button(person.open("/?state=failed"), "Delete", ".bulk"), all=["6"])
    assert question.h1.text == "Delete 6 jobs, with their logs and files?"
    later = [fail(dynos, number) for number in range(6, 9)]
    dynos.store.act("retry", failed[:2])
    assert "4 jobs are deleted." in said(person.press(button(question, "Delete")))
    assert all(dynos.store.get(id) for id in (*later, *failed[:2]))


def test_nothing_ticked_changes_nothing(dynos, person, failed):
    page = person.press(button(person.open("/"), "Retry", ".bulk"))
    assert "Choose jobs first" in said(page)
    assert dynos.store.counts()["failed"] == 6


def test_failures_are_grouped_and_a_group_is_retried_at_once(dynos, person, failed):
    page = person.open("/?state=failed")
    groups = page.select(".groups li")
    assert ["4 ×" in group.text and "Refused" in group.text for group in groups] == [True, False]
    assert "ValueError: a bug" in groups[1].text
    page = person.press(groups[0].button)
    assert "4 jobs are tried again." in said(page)
    assert [dynos.job(id)["state"] for id in failed] == ["scheduled"] * 4 + ["failed"] * 2


def test_retried_jobs_run(dynos, person, failed):
    dynos.worker()
    person.press(person.open("/?state=failed").select_one(".groups li button"))
    for id in failed[:4]:
        assert dynos.wait(id)["state"] == "succeeded"


def test_a_new_time_is_asked_for_and_must_be_one(dynos, person):
    ids = schedule(dynos, 3)
    question = person.press(button(person.open("/?state=scheduled"), "Reschedule", ".bulk"), all=["1"])
    assert question.h1.text == "When shall 3 jobs run?"
    form = question.select_one("main form")
    data = {tag["name"]: tag.get("value", "") for tag in form.select("input[type=hidden]")}
    answer = person.http.post("/actions", data=data | {"at": "someday"})
    assert answer.status_code == 422
    assert "ISO 8601" in answer.text
    answer = person.http.post("/actions", data=data | {"at": "2020-01-31T09:00"})
    assert answer.status_code == 422
    assert "That time has passed" in answer.text
    day = datetime.now(UTC).date() + timedelta(days=30)
    answer = person.http.post("/actions", data=data | {"at": f"{day}T09:00", "offset": "-60"}, follow_redirects=True)
    assert "3 jobs have a new time." in answer.text
    assert {dynos.job(id)["due_at"] for id in ids} == {f"{day}T08:00:00.000Z"}


def test_a_question_that_is_loaded_again_leads_to_the_list(person):
    answer = person.http.get("/actions")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_deleted_job_leaves_its_page_for_the_list(dynos, person, failed):
    question = person.press(button(person.open(f"/jobs/{failed[0]}"), "Delete"))
    assert question.h1.text == "Delete 1 job, with its log and its file?"
    assert person.press(button(question, "Delete")).h1.text == "Jobs"
    assert person.http.get(f"/jobs/{failed[0]}").status_code == 404


def test_a_job_that_moved_on_meanwhile_is_left_alone(dynos, person, failed):
    page = person.open("/")
    dynos.store.act("retry", failed[:1])
    page = person.press(button(page, "Retry", f"#job-{failed[0]}"))
    assert "1 had changed in the meantime and stays." in said(page)


@pytest.mark.parametrize("form", [{}, {"action": "explode", "id": "x"}, {"one": "retry"}, {"one": "explode x"},
                                  {"action": "retry", "id": "none"}, {"one": "retry none"},
                                  {"told": "x", "action": "cancel"}])
def test_a_form_that_makes_no_sense_does_nothing(dynos, person, failed, form):
    csrf = re.search('name="csrf" value="(.+?)"', person.http.get("/").text)[1]
    answer = person.http.post("/actions", data=form | {"csrf": csrf}, follow_redirects=True)
    assert answer.status_code == 200
    assert dynos.store.counts()["failed"] == 6


def test_a_form_of_another_session_is_refused(dynos, person, failed):
    csrf = re.search('name="csrf" value="(.+?)"', Person(dynos).http.get("/").text)[1]
    for given in (csrf, csrf[:-1], ""):
        form = {"one": f"retry {failed[0]}", "csrf": given}
        assert person.http.post("/actions", data=form).status_code == 403
    assert dynos.store.counts()["failed"] == 6


def test_who_only_looks_sees_everything_and_changes_nothing(redis, make_dynos):
    dynos = make_dynos(redis.url, READ_TOKEN="only-looks")
    (id,) = schedule(dynos, 1)
    reader = Person(dynos, "only-looks")
    for path in ("/", f"/jobs/{id}"):
        page = reader.open(path)
        assert page.select("main button:not([tabindex])") == page.select("form[role=search] button")
        assert "looks only" in page.header.text
    csrf = re.search('name="csrf" value="(.+?)"', reader.http.get("/").text)[1]
    assert reader.http.post("/actions", data={"one": f"cancel {id}", "csrf": csrf}).status_code == 403
    api = {"Authorization": "Bearer only-looks"}
    assert reader.http.get(f"/api/jobs/{id}", headers=api).json["state"] == "scheduled"
    assert reader.http.post(f"/api/jobs/{id}/cancellation", headers=api).status_code == 403
    assert dynos.job(id)["state"] == "scheduled"


def test_a_shared_address_is_where_one_comes_after_signing_in(dynos):
    http = create_app(Settings.from_env(dynos.env)).test_client()

    def sign_in():
        return http.post("/sign-in", data={"token": "test-token"}).headers["Location"]

    http.get("/?state=failed&q=ada")
    assert sign_in() == "/?state=failed&q=ada"
    http.delete_cookie("session")
    http.get("/live", headers={"Sec-Fetch-Mode": "cors"})
    assert sign_in() == "/"


def test_the_live_part_is_sent_only_when_something_changed(dynos, person):
    schedule(dynos, 1)
    person.http.get("/live")
    wait_for(lambda: person.http.get("/live", headers={
        "If-None-Match": person.http.get("/live").headers["ETag"]}).status_code == 304, 10, "nothing new")
    tag = person.http.get("/live").headers["ETag"]
    schedule(dynos, 1)
    answer = person.http.get("/live", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert len(BeautifulSoup(answer.text, "html.parser").select("tbody tr")) == 2


def steady(http):
    """What Redis says of itself may change at any moment; here it does not."""
    store = http.application.extensions["store"]
    pulse = store.pulse
    store.pulse = lambda: pulse()._replace(memory=None, connections=None)
    return store


def tag_of(http, path, **headers):
    return http.get(path, headers=headers).headers["ETag"]


def test_who_reads_in_which_language_and_what_they_may_do_is_part_of_what_is_known(redis, make_dynos):
    dynos = make_dynos(redis.url, READ_TOKEN="only-looks")
    (id,) = schedule(dynos, 1)
    owner, reader = Person(dynos).http, Person(dynos, "only-looks").http
    for http in (owner, reader):
        steady(http)
    for path in ("/live", f"/jobs/{id}"):
        tag = tag_of(owner, path)
        assert owner.get(path, headers={"If-None-Match": f"W/{tag}"}).status_code == 304
        assert owner.get(path, headers={"If-None-Match": tag, "Accept-Language": "es"}).status_code == 200
        assert reader.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_how_late_a_job_is_and_what_it_logged_is_part_of_what_is_known(dynos, person):
    (id,) = schedule(dynos, 1)
    store = steady(person.http)
    due = float(store.get(id)["due"])
    for path in ("/live", f"/jobs/{id}"):
        store.clock = lambda: int(due) + 61_000
        tag = tag_of(person.http, path)
        assert person.http.get(path, headers={"If-None-Match": tag}).status_code == 304
        store.clock = lambda: int(due) + 91_000
        assert person.http.get(path, headers={"If-None-Match": tag}).status_code == 200
        store.clock = None
    tag = tag_of(person.http, f"/jobs/{id}")
    dynos.store.log(id, ['{"at": 1, "level": "INFO", "logger": "x", "message": "said", "attempt": 1}'], 60)
    answer = person.http.get(f"/jobs/{id}", headers={"If-None-Match": tag})
    assert (answer.status_code, "said" in answer.text) == (200, True)


def test_a_file_that_is_gone_is_no_longer_offered(dynos, person):
    file = dynos.celery.files
    dynos.worker()
    id = dynos.task("make_file").delay("a.txt", "text/plain", "x").id
    made = dynos.wait(id)["result"]["file"]
    tag = tag_of(person.http, f"/jobs/{id}")
    file.delete(made["id"])
    answer = person.http.get(f"/jobs/{id}", headers={"If-None-Match": tag})
    assert (answer.status_code, "Download a.txt" in answer.text) == (200, False)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/jobs/nothing", "/api/kinds", "/static/page.js"])
def test_nothing_may_load_or_run_what_is_not_ours(person, path):
    policy = person.http.get(path).headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'",
            "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy


def test_only_the_version_that_was_asked_for_is_kept_for_good(person):
    page = person.open("/")
    address = page.select_one("link[rel=stylesheet]")["href"]
    for path, kept in ((address, True), (address[:-1] + "x", False), ("/static/nothing.js?v=1", False)):
        assert ("immutable" in person.http.get(path).headers["Cache-Control"]) is kept, path
