"""Uploads that are bombs, lies or programs: refused at once in little memory, or data and nothing else."""

import io
import time
import zipfile

import psutil
import pytest

from app.config import Settings
from app.web import create_app
from app.web.api import download

HEADERS = {"Authorization": "Bearer test-token"}
B = "b"
HEAD = f'--{B}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
END = f"\r\n--{B}--\r\n"


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "test-token",
                                        "SECRET_KEY": "s"}))
    yield app
    app.extensions["store"].redis.close()


@pytest.fixture
def send(app):
    """Sends a body as it is, and wants an answer within 30 s of work: the worst takes two on an idle machine."""
    def send(body, type=f"multipart/form-data; boundary={B}"):
        began = time.thread_time()
        body = body.encode(errors="surrogatepass") if isinstance(body, str) else body
        answer = app.test_client().post("/api/uploads", data=body, content_type=type, headers=HEADERS)
        assert time.thread_time() - began < 30
        return answer

    return send


@pytest.mark.parametrize("body, type", [
    ("".join(f'--{B}\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nv\r\n' for n in range(10_000)) + END, None),
    (f"--{B}\r\n" + "X: y\r\n" * 600_000 + END, None), (f"--{B}\r\n" + "X" * 5_000_000, None), ("abc", None),
    (HEAD + "\r\n" + "\r" * 5_000_000, None), (HEAD + "\r\n" + "\r\n" * 2_500_000, None),
    (HEAD + "\r\n" + "\r\n--" * 1_200_000, None), (HEAD.replace("a.csv", "a" * 4_000_000) + "\r\n1" + END, None),
    (f'--{B}\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + "v" * 4_000_000 + END, None),
    ("--\r\n", "multipart/form-data"), ("--\r\n", "multipart/form-data; boundary="),
    ("--((\r\n", "multipart/form-data; boundary=(("), ("--x", "multipart/form-data; boundary=" + "y" * 100_000)])
def test_a_form_of_parts_that_are_no_parts_is_refused(app, send, body, type):
    answer = send(body, *([type] if type else []))
    assert answer.status_code in (400, 413, 422)
    assert not app.extensions["store"].redis.keys("jobs:*file*")


@pytest.mark.parametrize("sent, kept", [
    ("../../x.csv", "x.csv"), ("a\0b.csv", "a b.csv"), ("\u202evsc.exe", "vsc.exe"), ("\u200b\u2066", "table"),
    ("😀" * 300, "😀" * 200), ("e" + "\u0301" * 300, "e" + "\u0301" * 199), ("a%00%2e%2e%2f.csv", "a%00%2e%2e%2f.csv"),
    ("<script>alert(1)</script>.csv", "script>.csv"), ("a\x85b\u2029c", "a b c"), ("a:b|c?*.csv", "a:b|c?*.csv")])
def test_a_name_of_any_letters_is_one_plain_line_in_every_header(app, send, sent, kept):
    answer = send(HEAD.replace("a.csv", sent) + "\r\na,b\r\n1,2" + END)
    assert (answer.status_code, answer.json["name"]) == (201, kept)
    with app.test_request_context():
        headers = dict(download(answer.json["id"]).get_wsgi_headers({}))
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize("sent, kept", [
    ("text/csv", "text/csv"), ("text/html", "text/html"), ("image/svg+xml; x=y", "image/svg+xml"),
    *((odd, "application/octet-stream") for odd in (
        "\u202e/x", "text/htmlé", "/", "text", "text/", "x\ty/z", "a/" + "b" * 500, "text/html\r\n X: y"))])
def test_a_media_type_that_is_none_is_not_repeated_and_none_runs_in_our_name(app, send, sent, kept):
    answer = send(HEAD + f"Content-Type: {sent}\r\n\r\na,b\r\n1,2" + END)
    assert answer.status_code == 201
    with app.test_request_context():
        headers = dict(download(answer.json["id"]).get_wsgi_headers({}))
    assert headers["Content-Type"] == kept
    assert headers["Content-Security-Policy"] == "sandbox" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("content, name", [
    (b'"' * 4_900_000, "a.csv"), (b"[" * 4_900_000, "a.json"),
    (b"\n".join(b'{"k%d":1}' % n for n in range(300_000)), "a.ndjson"),
    *(pytest.param(content, name, marks=pytest.mark.thorough) for content, name in (
        (b"a" * 4_900_000, "a.csv"), (b"," * 4_900_000, "a.csv"), (b" " * 4_900_000, "a.csv"),
        (b"a\n" * 1_050_000, "a.csv"), (b'{"a":' * 900_000, "a.json"), (b"[" * 4_900_000, "a.ndjson")))])
def test_a_text_that_is_a_bomb_is_refused(send, content, name):
    answer = send(HEAD.replace("a.csv", name).encode() + b"\r\n" + content + END.encode())
    assert answer.status_code == 422, answer.json


def workbook(sheet, declaration="", **parts):
    """An XLSX around the XML of a sheet."""
    out, package = io.BytesIO(), "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = '<?xml version="1.0"?>'
    parts = {
        "[Content_Types].xml": f'{xml}<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType='
                               '"application/xml"/></Types>',
        "_rels/.rels": f'{xml}<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{office}'
                       '/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{xml}<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" '
                           'r:id="r"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{xml}<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type='
                                      f'"{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{xml}{declaration}<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData>'
                                    "</worksheet>"} | parts
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


TEXT = '<row r="1"><c r="A1" t="inlineStr"><is><t>%s</t></is></c></row>'
LAUGHS = "<!DOCTYPE l [" + '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)) + "]>"


BOMBS = {
    "billion laughs": lambda: workbook(TEXT % "&m;", LAUGHS),
    "a file of the server": lambda: workbook(TEXT % "&x;", '<!DOCTYPE l [<!ENTITY x SYSTEM "/etc/passwd">]>'),
    "texts": lambda: workbook("", **{"xl/sharedStrings.xml": "<sst>" + "<si>" * 30_000_000}),
    "half rows": lambda: workbook("<row" * 20_000_000),
}
MORE_BOMBS = {
    "empty rows": lambda: workbook("<row/>" * 20_000_000),
    "empty cells": lambda: workbook('<row r="1">' + "<c/>" * 4_000_000 + "</row>"),
    "deep": lambda: workbook("<a>" * 10_000_000),
    "zeros": lambda: workbook(TEXT % "x", **{"xl/media/zeros": bytes(210_000_000)}),
    "workbooks": lambda: workbook(TEXT % "x", **{f"xl/{n}.xlsx": workbook(TEXT % "x") * 100 for n in range(2000)}),
}


@pytest.mark.parametrize("bomb", [*BOMBS, *(pytest.param(name, marks=pytest.mark.thorough) for name in MORE_BOMBS)])
def test_a_workbook_that_is_a_bomb_is_refused_before_it_takes_memory(send, bomb):
    content = (BOMBS | MORE_BOMBS)[bomb]()
    assert len(content) < 5_000_000
    before = psutil.Process().memory_info().rss
    answer = send(HEAD.replace("a.csv", "a.xlsx").encode() + b"\r\n" + content + END.encode())
    assert answer.status_code == 422, answer.json
    assert "root:" not in answer.text
    assert psutil.Process().memory_info().rss - before < 200e6
