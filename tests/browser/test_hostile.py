"""What jobs, schedules, uploads and mail say is text on every page: no script of theirs runs, and no letter of theirs
changes what stands beside it. `enter` fails on any word in the console."""

import json
from importlib.util import find_spec

import pytest
from playwright.sync_api import expect

HEADERS = {"Authorization": "Bearer test-token"}
SCRIPTS = ["<script>hit=1</script>", '"><img src=x onerror="hit=1">', "'-hit=1-'", "</title><svg/onload=hit=1>", "<!--",
           "javascript:hit=1", "{{7*7}}${7*7}", "</script><script>hit=1</script>", "&lt;b&gt;&#x3c;b>", "\0\u2028"]
EVERYTHING = "".join(SCRIPTS)
#: Turns what follows it around; takes no room; stacks letters upon each other.
BIDI, BLANK, TALL = "\u202ecod.exe", "\u200b\u2060\u200e", "Z" + "\u0301" * 90


@pytest.fixture
def hostile(owner, dynos):
    """An app all of whose records are hostile; returns the page and the id of a failed and of a succeeded job."""
    store, ids = dynos.store, []
    for state, name in (("failed", EVERYTHING), ("succeeded", EVERYTHING), ("running", EVERYTHING)):
        value = {"value": name, "more": {name: [name, {name: name}], "label": name}}
        body = {"kind": "anything", "params": value}
        id = owner.request.post(dynos.base + "/api/jobs", headers=HEADERS, data=body).json()["id"]
        ids.append(id)
        token = store.start(id, name, 60, "anything", "{}", 3, "default", True).token
        store.log(id, [json.dumps({"at": 1, "level": "ERROR", "logger": name, "message": name, "attempt": 1})], 60)
        store.checkpoint(id, token, {"done": 1, "total": 2, "message": name})
        if state == "failed":
            store.settle(id, token, name, state, error={"type": name, "message": name}, traceback=name)
        elif state == "succeeded":
            store.settle(id, token, name, state, result={name: name, "file": {"name": name}})
    for name in (EVERYTHING[:100], BIDI, BLANK, TALL):
        made = owner.request.post(dynos.base + "/api/jobs", headers=HEADERS,
                                  data={"kind": "sample", "params": {"label": name}, "delay": 600})
        assert made.status == 202
        body = {"kind": "sample", "params": {"label": name}, "cron": "0 0 * * *"}
        assert owner.request.post(dynos.base + "/api/schedules", headers=HEADERS, data=body).status == 201
    return owner, ids


def assert_unharmed(page):
    assert page.evaluate("window.hit") is None
    assert page.locator("main img, main script, main svg[onload], main [onerror]").count() == 0


def is_read_to_the_right(element):
    """Whether its last letter stands to the right of its first."""
    first, last = element.evaluate("""element => {
        const range = document.createRange(), text = element.firstChild
        return [0, text.length - 1].map(at => {
            range.setStart(text, at); range.setEnd(text, at + 1); return range.getBoundingClientRect().left })
    }""")
    return first < last


def test_nothing_that_a_record_says_runs_on_any_page(hostile, dynos):
    page, ids = hostile
    paths = ["/", "/?state=failed", "/?q=%3Cscript%3Ehit=1%3C/script%3E%22%27", "/?kind=%22%3E%3Csvg/onload=hit=1%3E",
             *(["/schedules"] if find_spec("app.web.recurring") else []),
             *(f"/jobs/{id}" for id in ids), *(f"/new/anything?from={id}" for id in ids)]
    for path in paths:
        page.goto(dynos.base + path)
        assert_unharmed(page)
    page.goto(dynos.base + "/")
    page.check("tbody tr:first-child input")
    page.click("button[value=reschedule]")
    assert_unharmed(page)


def test_a_name_changes_nothing_beside_it_and_can_be_clicked(hostile, dynos):
    page, _ids = hostile
    page.goto(dynos.base + "/?state=scheduled")
    assert page.locator("td.name a").count() == 4
    for link in page.locator("td.name a").all():
        box, row = link.bounding_box(), link.locator("xpath=ancestor::tr").bounding_box()
        assert box["width"] > 5, "there is something to click"
        assert box["y"] >= row["y"] and box["y"] + box["height"] <= row["y"] + row["height"] + 1
    row = page.locator("tr", has_text="cod.exe")
    expect(row.locator("td.name small")).to_have_text("sample")
    assert is_read_to_the_right(row.locator("td.name small"))
    row.locator("a").click()
    expect(page.locator("h1 small")).to_contain_text("sample")
    assert is_read_to_the_right(page.locator("h1 small"))

@pytest.mark.skipif(not find_spec("app.jobs.report"), reason="the kind report was deleted")
def test_an_upload_of_any_name_and_content_is_only_shown(owner, dynos):
    table = ",".join(f'"{text}"' for text in ("<script>hit=1</script>", "<img src=x onerror=hit=1>")) + "\n"
    owner.goto(dynos.base + "/report")
    owner.set_input_files("input[type=file]", {
        "name": "<img src=x onerror=hit=1>\u202evsc.csv", "mimeType": "text/html", "buffer": (table * 3).encode()})
    expect(owner.locator("main")).to_contain_text("onerror=hit=1")
    assert_unharmed(owner)


@pytest.mark.skipif(not find_spec("app.web.results"), reason="the pages of results were deleted")
def test_a_file_that_a_job_made_is_downloaded_and_runs_nothing(page, dynos):
    document = "<script>document.title = 'hit'; parent.hit = top.hit = 1</script><form action=/actions></form>"
    for type in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg">{document}</svg>' if "html" not in type[:9] else document
        id = dynos.task("make_file").delay("<b>.html", type, svg).id
        assert dynos.wait(id)["state"] == "succeeded"
        with page.expect_download():
            page.evaluate("path => { location.href = path }", f"/jobs/{id}/file")
        assert_unharmed(page)
        assert page.title() != "hit"
        answer = page.request.get(f"{dynos.base}/jobs/{id}/view")
        assert answer.status == (200 if type == "text/html" else 404)
        assert "sandbox" in answer.headers["content-security-policy"] or answer.status == 404
