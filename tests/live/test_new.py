"""The form of each kind, as a browser without scripts sends it: errors, files, limits, and an earlier job's values."""

import io
from importlib.util import find_spec

import pytest
from bs4 import BeautifulSoup

from app.config import Settings
from app.files import HALF_WRITTEN_SECONDS
from app.web import LARGEST_BODY, create_app
from tests import ledger  # noqa: F401 - its kinds, sample and papers
from tests.dynos import Server

NEEDS_REPORT = pytest.mark.skipif(not find_spec("app.jobs.report"), reason="the kind report was deleted")
NEEDS_RESULTS = pytest.mark.skipif(not find_spec("app.web.results"), reason="the page of results was deleted")
DAY = 86400


class Person:
    """Signed in, with a browser that has no scripts."""

    def __init__(self, url, token="t", **env):
        self.app = create_app(Settings.from_env({
            "APP_ENV": "development", "REDIS_URL": url, "API_TOKEN": "t", "READ_TOKEN": "r", "SECRET_KEY": "s",
            "UPLOAD_MAX_MB": "1"} | env))
        self.http = self.app.test_client()
        self.http.post("/sign-in", data={"token": token})
        self.store, self.files = self.app.extensions["store"], self.app.extensions["files"]

    def open(self, path="/new/papers", **headers):
        answer = self.http.get(path, headers=headers)
        return BeautifulSoup(answer.text, "html.parser")

    def send(self, path="/new/papers", files=(), csrf=None, **fields):
        """Args: files: (name, content) each."""
        csrf = self.open(path).select_one("form.new [name=csrf]")["value"] if csrf is None else csrf
        papers = [(io.BytesIO(content), name) for name, content in files]
        return self.http.post(path, content_type="multipart/form-data", data={
            "csrf": csrf, "to": "ada@example.com", "papers": [*fields.pop("kept", ()), *papers]} | fields)

    def kept(self):
        return sorted(self.store.redis.keys("jobs:file:*"))

    def params(self, answer):
        return self.http.get("/api/" + answer.headers["Location"].lstrip("/"),
                             headers={"Authorization": "Bearer t"}).json["params"]


@pytest.fixture
def person(redis):
    person = Person(redis.url)
    yield person
    person.store.redis.close()


def page_of(answer):
    return BeautifulSoup(answer.text, "html.parser")


def test_files_of_a_form_are_kept_as_long_as_their_job_needs_them(person):
    answer = person.send(files=[("../ada/a\u2028b.pdf", b"%PDF"), ("b.txt", b"bee")], minutes="60")
    assert answer.status_code == 303
    first, second = map(person.files.get, person.params(answer)["papers"])
    assert (first.name, first.type, second.name, second.bytes) == ("a b.pdf", "application/pdf", "b.txt", 3)
    assert b"".join(person.files.read(second)) == b"bee"
    assert person.store.redis.ttl(f"jobs:file:{first.id}") > 7 * DAY + 3500
    assert person.store.redis.ttl(f"jobs:pieces:{first.content}") > 7 * DAY + 3500


def test_nothing_is_kept_of_a_form_from_elsewhere_or_of_who_may_not_change_anything(person, redis):
    assert person.send(files=[("a.txt", b"x")], csrf="guessed").status_code == 403
    stranger = Person(redis.url, token="wrong")
    assert stranger.send(files=[("a.txt", b"x")], csrf="").headers["Location"] == "/sign-in"
    reader = Person(redis.url, token="r")
    assert not reader.open().select("form.new button")
    assert reader.send(files=[("a.txt", b"x")]).status_code == 403
    assert person.kept() == []
    assert sum(person.store.counts().values()) == 0


def test_what_is_wrong_stands_beside_each_field_and_what_was_typed_is_kept(person):
    answer = person.send(to="ada@example.com, nobody", minutes="at", password="hunter2",
                         **{"params.at": "far away <b>"})
    page = page_of(answer)
    assert answer.status_code == 422
    assert page.select_one("[role=alert] p").text == "3 things to correct"
    links = page.select("[role=alert] a")
    assert [link.text for link in links] == ["To", "Where", "When"]
    assert all(page.find(id=link["href"][1:]) for link in links)
    to, where = page.select_one("#papers-to"), page.select_one("[name='params.at']")
    assert (to["value"], to["aria-invalid"], to.has_attr("autofocus")) == ("ada@example.com, nobody", "true", True)
    assert len(page.select("[autofocus]")) == 1
    assert "'nobody' is no email address" in page.select_one("#" + to["aria-describedby"].split()[-1]).text
    assert (where["value"], where.find_parent("details").has_attr("open")) == ("far away <b>", True)
    assert page.select_one("#papers-minutes-error").text == "Choose a date and a time"
    assert page.select_one("[name=minutes][checked]")["value"] == "at"
    assert page.select_one("[name=password]").get("value") == ""
    assert "hunter2" not in answer.text


def test_a_time_that_has_passed_is_said_beside_its_control_and_no_job_is_made(person):
    answer = person.send(minutes="at", at="2020-01-31T09:00")
    assert answer.status_code == 422
    assert page_of(answer).select_one("#papers-minutes-error").text == "That time has passed"
    assert page_of(answer).select_one("[name=at]")["value"] == "2020-01-31T09:00"
    assert sum(person.store.counts().values()) == 0


def test_files_that_came_with_what_is_to_be_corrected_need_not_be_sent_again(person):
    page = page_of(person.send(to="nobody", files=[("a <i>.txt", b"a"), ("b.txt", b"b")]))
    boxes = page.select("[name=papers][type=checkbox]")
    assert [box.parent.text.strip() for box in boxes] == ["a <i>.txt", "b.txt"]
    assert all(box.has_attr("checked") for box in boxes)
    for key in person.kept():  # and if nothing comes of it, they do not stay for days
        assert HALF_WRITTEN_SECONDS < person.store.redis.ttl(key) <= 3600
    answer = person.send(kept=[boxes[1]["value"]], files=[("c.txt", b"c")])
    assert [person.files.get(id).name for id in person.params(answer)["papers"]] == ["b.txt", "c.txt"]


def test_a_file_over_the_limit_is_said_beside_its_field(person):
    page = page_of(person.send(files=[("a.txt", b"a"), ("large.bin", bytes(1_000_001))], to="bob@example.com"))
    assert page.select_one("#papers-papers-error").text == (
        "large.bin: files may have 1 MB at most, all together (UPLOAD_MAX_MB)")
    assert page.select_one("[name=to]")["value"] == "bob@example.com"
    assert [box.parent.text.strip() for box in page.select("[name=papers][type=checkbox]")] == ["a.txt"]
    answer = person.send(files=[("large.bin", bytes(1_000_000 + LARGEST_BODY))])
    assert answer.status_code == 413
    assert page_of(answer).select_one("#papers-papers-error").text.startswith("files may have 1 MB at most")
    assert len(person.kept()) == 1
    assert page_of(person.http.post("/new/sample", data={"label": "x" * LARGEST_BODY})).select_one(".errors")
    assert sum(person.store.counts().values()) == 0


def test_a_store_without_room_is_said_beside_the_field():
    server = Server(None, "--maxmemory", "5mb")
    person = Person(server.url)
    try:
        for _ in range(28):
            person.store.redis.rpush("somebody-else", "x" * 100_000)
        page = page_of(person.send(files=[("a.txt", b"a")]))
        assert "S3_BUCKET" in page.select_one("#papers-papers-error").text
    finally:
        person.store.redis.close()
        server.stop()


def test_sending_a_form_with_files_twice_leads_to_the_job_of_the_first(person):
    first, second = [person.send(files=[("a.txt", b"a")], key="k") for _ in range(2)]
    assert first.headers["Location"] == second.headers["Location"]
    assert "sent before" in person.http.get(second.headers["Location"]).text
    assert sum(person.store.counts().values()) == 1


def test_a_duplicate_starts_with_the_values_of_the_job_but_its_secrets(person):
    id = person.send(to="ada@example.com,bob@example.com", password="hunter2", files=[("a.txt", b"a")],
                     **{"params.at": "there"}).headers["Location"].rpartition("/")[2]
    page = person.open(f"/new/papers?from={id}")
    assert page.select_one("[name=to]")["value"] == "ada@example.com, bob@example.com"
    assert page.select_one("[name='params.at']")["value"] == "there"
    assert page.select_one("details.more").has_attr("open")
    password = page.select_one("[name=password]")
    assert (password["type"], password["value"]) == ("password", "")
    box = page.select_one("[name=papers][type=checkbox]")
    answer = person.send(kept=[box["value"]])
    assert person.params(answer)["papers"] == [box["value"]]
    person.files.delete(box["value"])
    page = person.open(f"/new/papers?from={id}")
    assert not page.select("[name=papers][type=checkbox]")
    assert "expired" in page.select_one("#papers-papers-error").text


@pytest.mark.parametrize("path", ["/new/papers?from=none", "/new/papers?from=", "/new/papers?from={sample}"])
def test_a_duplicate_of_no_such_job_is_an_empty_form(person, path):
    sample = person.send("/new/sample", label="x").headers["Location"].rpartition("/")[2]
    page = person.open(path.format(sample=sample))
    assert page.select_one("[name=to]")["value"] == ""
    assert not page.select(".error")


def test_there_is_no_form_of_no_kind(person):
    assert person.http.get("/new/nothing").status_code == 404
    assert person.http.get("/new/api").status_code == 404
    csrf = person.open().select_one("[name=csrf]")["value"]
    assert person.http.post("/new/nothing", data={"csrf": csrf}).status_code == 404


@NEEDS_REPORT
def test_a_kind_with_a_page_of_its_own_has_that_for_its_form(person):
    assert person.http.get("/new/report?from=x").headers["Location"] == "/report?from=x"
    assert person.http.get("/new/report").headers["Location"] == "/report"


def test_the_form_and_its_errors_speak_the_browsers_language(person):
    page = person.open(**{"Accept-Language": "es"})
    assert page.select_one("form.new .primary").text == "Crear"
    csrf = page.select_one("[name=csrf]")["value"]
    answer = person.http.post("/new/papers", headers={"Accept-Language": "es"},
                              data={"csrf": csrf, "to": "nadie", "params.at": "muy lejos"})
    assert [error.text for error in page_of(answer).select(".field > .error")] == [
        "'nadie' no es una dirección de correo: le falta la arroba.", "Debe tener como mucho 5 caracteres"]


def test_a_jobs_page_calls_its_input_as_the_form_does_and_its_files_by_their_names(person):
    job = person.send(files=[("<i>.txt", b"a"), ("b.txt", b"b")], **{"params.at": "there"}).headers["Location"]
    first, second = person.http.get("/api" + job, headers={"Authorization": "Bearer t"}).json["params"]["papers"]

    def shown(language="en"):
        rows = person.open(job, **{"Accept-Language": language}).select("#input dt, #input dd")
        return {name.text: value.text for name, value in zip(rows[::2], rows[1::2], strict=True)}

    assert shown() == {"To": "ada@example.com", "Papers": f"<i>.txt {first}, b.txt {second}", "Where": "there"}
    assert shown("es")["Para"] == "ada@example.com"
    person.files.delete(first)
    assert shown()["Papers"] == f"{first}, b.txt {second}"


def test_a_single_file_has_its_name_too_and_what_is_no_kind_keeps_its_own_names(person):
    id = person.files.put("ventas.csv", "text/csv", io.BytesIO(b"a"), most_mb=1, limit="X").id
    sample = person.send("/new/sample", label=id).headers["Location"]
    assert person.open(sample).select_one("#input dd").text == f"ventas.csv {id}"
    task = person.app.extensions["celery"].tasks["tests.ledger.make_file"].delay("n", "t", text="x").id
    assert [name.text for name in person.open(f"/jobs/{task}").select("#input dt")] == ["args", "kwargs"]


@NEEDS_RESULTS
def test_a_file_of_one_byte_has_one_byte(person):
    celery, sizes = person.app.extensions["celery"], []
    for content in (b"a", b"ab"):
        file = person.files.put("a.txt", "text/plain", io.BytesIO(content), most_mb=1, limit="X")
        id = celery.tasks["tests.ledger.make_file"].delay("a.txt", "text/plain", "a").id
        token = person.store.start(id, "w", 60, "make_file", "{}", 1, "default").token
        result = {"file": {"id": file.id, "name": file.name, "type": file.type, "bytes": file.bytes}}
        person.store.settle(id, token, "w", "succeeded", result=result)
        sizes.append(person.open(f"/jobs/{id}").select_one(".download + small").text)
    assert sizes == ["1 byte", "2 bytes"]


def test_each_kind_can_be_created_from_the_list(person):
    links = person.open("/").select(".kinds a")
    assert {"papers", "sample"} <= {link.text for link in links}
    for link in links:
        assert link["href"].startswith("/new/")
        assert person.http.get(link["href"], follow_redirects=True).status_code == 200


ROUTE = {"queue": "mail", "priority": "7", "lane": "customer-42"}


@pytest.fixture
def sorter(redis):
    """A person whose app has several queues."""
    person = Person(redis.url, QUEUES="mail,reports")
    yield person
    person.store.redis.close()


def job_of(person, answer):
    assert answer.status_code == 303, answer.text
    return person.http.get("/api" + answer.location, headers={"Authorization": "Bearer t"}).json


def shown(page):
    """What stands in the fields of a route; None of one that is not there."""
    queue = page.select_one("[name=queue]")
    chosen = queue and (queue.select_one("[selected]") or queue.option)["value"]
    return chosen, *(field and field["value"] for field in map(page.select_one, ("[name=priority]", "[name=lane]")))


@pytest.mark.parametrize("kind", ["sample", "papers"])
def test_a_form_takes_queue_priority_and_lane_which_are_folded_away(sorter, kind):
    page = sorter.open(f"/new/{kind}")
    assert [option["value"] for option in page.select("[name=queue] option")] == ["", "default", "mail", "reports"]
    assert shown(page) == ("", "", "")
    assert [folded.has_attr("open") for folded in page.select("form.new details")] == [False]
    assert all(page.select_one(f"form.new details [name={name}]") for name in ROUTE)
    job = job_of(sorter, sorter.send(f"/new/{kind}", label="x", **ROUTE))
    assert [job[name] for name in ROUTE] == ["mail", 7, "customer-42"]
    job = job_of(sorter, sorter.send(f"/new/{kind}", label="x", queue="", priority="", lane=" "))
    assert [job[name] for name in ROUTE] == ["default", 0, None]


def test_where_there_is_one_queue_there_is_none_to_choose(person):
    assert shown(person.open("/new/sample")) == (None, "", "")
    job = job_of(person, person.send("/new/sample", label="x", lane="a", queue="mail"))
    assert (job["queue"], job["lane"]) == ("default", "a")


@pytest.mark.parametrize("field, typed, error", [
    ("priority", "10", "Input should be less than or equal to 9"), ("priority", "high", "valid integer"),
    ("priority", "1.5", "valid integer"), ("lane", "x" * 101, "at most 100 characters"),
    ("queue", "mial", "is none of default, mail, reports")])
def test_what_is_wrong_with_a_route_stands_beside_it_and_the_rest_is_kept(sorter, field, typed, error):
    answer = sorter.send("/new/sample", label="x", **ROUTE | {field: typed})
    page = page_of(answer)
    assert answer.status_code == 422 and page.select_one("form.new details").has_attr("open")
    control = page.find(id=f"sample-{field}")
    assert (control["aria-invalid"], control.has_attr("autofocus")) == ("true", True)
    assert error in page.find(id=f"sample-{field}-error").text
    assert page.select_one(".errors a")["href"] == f"#sample-{field}"
    kept = dict(zip(ROUTE, shown(page))) | {field: typed}
    assert kept == ROUTE | {field: typed} and page.select_one("[name=label]")["value"] == "x"
    assert sum(sorter.store.counts().values()) == 0


def test_a_duplicate_goes_where_the_job_went(sorter, redis):
    made = sorter.send("/new/sample", label="x", **ROUTE)
    path = f"/new/sample?from={made.location.rpartition('/')[2]}"
    assert shown(sorter.open(path)) == tuple(ROUTE.values())
    assert sorter.open(path).select_one("form.new details").has_attr("open")
    usual = sorter.send("/new/sample", label="x").location.rpartition("/")[2]
    assert shown(sorter.open(f"/new/sample?from={usual}")) == ("", "", "")
    assert not sorter.open(f"/new/sample?from={usual}").select_one("form.new details").has_attr("open")
    reader = Person(redis.url, "r", QUEUES="mail,reports")
    assert shown(reader.open(path)) == ("", "", "")
    reader.store.redis.close()


def test_a_duplicate_says_of_its_queue_and_priority_what_is_not_as_its_kind_says(sorter, monkeypatch):
    for name, value in (("queue", "mail"), ("priority", 5)):  # as @kind(queue="mail", priority=5) would
        monkeypatch.setattr(sorter.app.extensions["kinds"]["sample"].task, name, value, raising=False)
    for given, found in (({}, ("", "", "")), ({"queue": "default", "priority": "0"}, ("default", "0", ""))):
        id = sorter.send("/new/sample", label="x", **given).location.rpartition("/")[2]
        page = sorter.open(f"/new/sample?from={id}")
        assert shown(page) == found and page.select_one("form.new details").has_attr("open") == bool(given)


@NEEDS_REPORT
@NEEDS_RESULTS
def test_so_does_a_report_and_what_repeats_it(sorter):
    form = {"csrf": sorter.open("/report?source=jobs").select_one("#new-report [name=csrf]")["value"],
            "source": "jobs", "format": "csv"}
    job = job_of(sorter, sorter.http.post("/report", data=form | ROUTE))
    assert [job[name] for name in ROUTE] == ["mail", 7, "customer-42"]
    assert shown(sorter.open(f"/report?from={job['id']}")) == tuple(ROUTE.values())
    page = page_of(sorter.http.post("/report", data=form | ROUTE | {"priority": "99"}))
    assert "less than or equal" in page.select_one("#report-priority-error").text
    assert shown(page) == ("mail", "99", "customer-42")
    repeat = {"repeat": "Monday", "time": "09:00", "timezone": "UTC"}
    assert sorter.http.post("/report", data=form | ROUTE | repeat).location == "/schedules"
    again = {"csrf": form["csrf"]} | repeat
    assert sorter.http.post(f"/jobs/{job['id']}/repeat", data=again).location == "/schedules"
    schedules = sorter.http.get("/api/schedules", headers={"Authorization": "Bearer t"}).json["schedules"]
    assert [[schedule[name] for name in ROUTE] for schedule in schedules] == [["mail", 7, "customer-42"]] * 2


TOLD = {"WEBHOOK_SECRET": "0123456789abcdef" * 4}


@pytest.mark.skipif(not find_spec("app.jobs.webhook"), reason="the kind webhook was deleted")
def test_a_duplicate_tells_whom_the_job_told(redis):
    person, url = Person(redis.url, **TOLD), "https://example.com/done"
    made = person.http.post("/api/jobs", json={"kind": "sample", "params": {"label": "x"}, "notify": url},
                            headers={"Authorization": "Bearer t"})
    path = f"/new/sample?from={made.json['id']}"
    assert person.open(path).select_one("[name=notify]")["value"] == url
    assert not person.open("/new/sample").select_one("[name=notify]")
    answer = person.http.post("/new/sample", data={
        "csrf": person.open(path).select_one("form.new [name=csrf]")["value"], "label": "y", "notify": url})
    assert answer.status_code == 303
    assert person.http.get("/api" + answer.location, headers={"Authorization": "Bearer t"}).json["notify"] == url
    answer = person.http.post("/new/sample", data={
        "csrf": person.open(path).select_one("form.new [name=csrf]")["value"], "label": "y",
        "notify": "http://127.0.0.1/"})
    assert answer.status_code == 422
    assert "must begin with https://" in page_of(answer).select_one("#sample-notify-error").text
    assert Person(redis.url, "r", **TOLD).open(path).select_one("[name=notify]") is None
    person.store.redis.close()


@NEEDS_REPORT
@pytest.mark.skipif(not find_spec("app.jobs.webhook"), reason="the kind webhook was deleted")
def test_so_does_the_duplicate_of_a_report(redis):
    person, url = Person(redis.url, **TOLD), "https://example.com/done"
    made = person.http.post("/api/jobs", json={"kind": "report", "params": {"source": "jobs"}, "notify": url},
                            headers={"Authorization": "Bearer t"}).json["id"]
    form = person.open(f"/report?from={made}").select_one("#new-report")
    assert form.select_one("[name=notify]")["value"] == url
    answer = person.http.post("/report", data={"csrf": form.select_one("[name=csrf]")["value"], "source": "jobs",
                                               "format": "csv", "notify": url})
    assert person.http.get("/api" + answer.location, headers={"Authorization": "Bearer t"}).json["notify"] == url
    person.store.redis.close()
