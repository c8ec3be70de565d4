"""The log says who asked for which change, and tells nothing of what is in it."""

import io
import re

import pytest

from tests.house import OWNER, READER, House

HERE = {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}}
#: What a line may be about.
NAMES = ("job", "schedule", "file", "role")
TABLE = b"Region,Sales\nNorth,1\nSouth,2"
WEEKLY = {"repeat": "Monday", "time": "09:00", "timezone": "UTC"}


@pytest.fixture
def house(redis):
    house = House(redis.url)
    yield house
    house.close()


@pytest.fixture
def asked(house, logged):
    """Returns what was asked for since it was called last: (action, by whom, of what)."""
    def asked():
        found = [line for line in logged() if line.get("event") == "accepted" or line["logger"] == "app.web.audit"]
        assert {line["from"] for line in found} <= {"203.0.113.7"}
        assert all(line["request_id"] and "jobs" not in line for line in found)
        return [(line["event"], line["by"], *(line[name] for name in NAMES if name in line)) for line in found]

    return asked


@pytest.fixture
def send(house):
    """POSTs a form of the page, as an owner."""
    http = house.app.test_client()
    http.post("/sign-in", data={"token": OWNER}, **HERE)
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]

    def send(path, status=303, **form):
        answer = http.post(path, data={"csrf": csrf} | form, **HERE)
        assert answer.status_code == status, answer.text
        return answer

    return send


def call(house, method, path, **options):
    answer = house.app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {OWNER}"}, **HERE,
                                          **options)
    assert answer.status_code < 300, answer.text
    return answer.json


def needs(house, part):
    if part not in house.app.blueprints:
        pytest.skip("an owner has deleted that part")


def test_each_job_made_on_the_page_is_in_the_log_once(house, asked, send):
    form = {"label": "hidden words", "key": "k", "seconds": "1"}
    made = send("/new/sample", **form).location.rpartition("/")[2]
    assert asked() == [("accepted", "page", made)]
    send("/new/sample", **form)
    assert asked() == []


def test_reports_repeats_and_uploads_of_the_page_are_in_the_log(house, asked, send):
    needs(house, "report")
    answer = send("/report/upload", file=(io.BytesIO(TABLE), "sales.csv"))
    file = re.search("file-[0-9a-f]{32}", answer.location)[0]
    assert asked() == [("upload", "page", file)]
    report = {"source": file, "format": "csv"}
    made = send("/report", key="a", **report).location.rpartition("/")[2]
    assert asked() == [("accepted", "page", made)]
    send("/report", key="b", **report, **WEEKLY)
    send(f"/jobs/{made}/repeat", key="c", **WEEKLY)
    lines = asked()
    assert [line[:2] for line in lines] == [("create_schedule", "page")] * 2
    assert {id for *_, id in lines} == {entry["id"] for entry in house.store.schedules()} - {house.schedule}


def test_changes_of_schedules_are_in_the_log(house, asked, send):
    id = house.schedule
    send(f"/schedules/{id}/pause")
    send(f"/schedules/{id}/change", cron="0 8 * * *", timezone="UTC")
    call(house, "PATCH", f"/api/schedules/{id}", json={"paused": False})
    send(f"/schedules/{id}/delete")
    assert asked() == [("change_schedule", "page", id)] * 2 + [("change_schedule", "api", id),
                                                               ("delete_schedule", "page", id)]
    send(f"/schedules/{id}/delete")
    assert asked() == [], "there was nothing left to delete"
    body = {"kind": "sample", "cron": "* * * * *", "params": {"label": "x"}}
    made = call(house, "POST", "/api/schedules", json=body)["id"]
    call(house, "DELETE", f"/api/schedules/{made}")
    assert asked() == [("create_schedule", "api", made), ("delete_schedule", "api", made)]


def test_uploads_of_programs_are_in_the_log(house, asked):
    needs(house, "uploads")

    def table():
        return {"data": {"file": (io.BytesIO(TABLE), "sales.csv")}}

    id = call(house, "POST", "/api/uploads", **table())["id"]
    call(house, "PUT", f"/api/uploads/{id}", **table())
    call(house, "DELETE", f"/api/uploads/{id}")
    assert asked() == [("upload", "api", id), ("replace_upload", "api", id), ("delete_upload", "api", id)]


def test_demo_jobs_are_in_the_log(house, asked, send):
    needs(house, "demos")
    send("/demos", count="10", key="k")
    assert len({of for action, by, of in asked() if (action, by) == ("accepted", "page")}) == 10


@pytest.mark.parametrize("token, role", [(OWNER, "owner"), (READER, "reader")])
def test_who_signs_in_and_out_is_in_the_log_by_role_and_address_without_the_token(house, asked, caplog, token, role):
    http = house.app.test_client()
    http.post("/sign-in", data={"token": "wrong"}, **HERE)
    http.post("/sign-in", data={"token": token}, **HERE)
    csrf = re.search('name="csrf" value="(.+?)"', http.get("/").text)[1]
    http.post("/sign-out", data={"csrf": csrf}, **HERE)
    assert token not in caplog.text
    assert asked() == [("sign_in", "page", role), ("sign_out", "page", role)]
