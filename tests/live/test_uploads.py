"""POST /api/uploads: what it tells of a table, what it refuses, and how little it holds in memory."""

import io

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.config import Settings
from app.web import create_app, uploads
from tests import ledger  # noqa: F401 - its kind, sample
from tests.dynos import Server
from tests.stores import kept

SALES = "Región;Fecha;Importe;Código\r\nNorte;01.02.2026;1.000,50;007\r\nSur;15.02.2026;-200,25;008\r\n"


def make_app(url, **env):
    return create_app(Settings.from_env({
        "APP_ENV": "development", "REDIS_URL": url, "API_TOKEN": "t", "SECRET_KEY": "s"} | env))


@pytest.fixture
def app(redis):
    app = make_app(redis.url, UPLOAD_MAX_MB="1")
    yield app
    app.extensions["store"].redis.close()


@pytest.fixture
def call(app):
    def call(method="POST", path="", content=None, name="ventas.csv", token="t", **fields):
        data = fields | ({} if content is None else {"file": (io.BytesIO(content), name)})
        return app.test_client().open(f"/api/uploads{path}", method=method, data=data or None,
                                      headers={"Authorization": f"Bearer {token}"})

    return call


def test_an_upload_tells_columns_types_rows_and_the_first_of_them(call, app):
    answer = call(content=SALES.encode("latin-1"))
    assert answer.status_code == 201
    upload = answer.json
    assert answer.headers["Location"] == f"/api/uploads/{upload['id']}"
    assert upload == {
        "id": upload["id"], "name": "ventas.csv", "bytes": len(SALES.encode("latin-1")),
        "columns": [{"name": "Región", "type": "text"}, {"name": "Fecha", "type": "date"},
                    {"name": "Importe", "type": "number"}, {"name": "Código", "type": "text"}],
        "rows": 2,
        "notes": ["Its letters were read as Western European (cp1252); if they look wrong, save it as UTF-8."],
        "preview": [{"Región": "Norte", "Fecha": "2026-02-01", "Importe": 1000.5, "Código": "007"},
                    {"Región": "Sur", "Fecha": "2026-02-15", "Importe": -200.25, "Código": "008"}]}
    assert call("GET", f"/{upload['id']}").json == upload
    assert b"".join(app.extensions["files"].read(app.extensions["files"].get(upload["id"]))) == SALES.encode("latin-1")


def test_an_upload_can_be_taken_back(call, app):
    path = "/" + call(content=b"a,b\n1,2\n").json["id"]
    assert call("DELETE", path).status_code == 204
    assert [call(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert kept(app.extensions["store"]) == []


@pytest.mark.parametrize("content, name", [(b"", "a.csv"), (b"\x89PNG\r\n\x1a\n" + bytes(99), "a.csv"),
                                           (b"%PDF-1.7\n1 0 obj", "a.pdf"), (b'{"a": ', "a.json")])
def test_what_is_no_table_is_refused_with_a_sentence_and_not_kept(call, app, content, name):
    answer = call(content=content, name=name)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    (error,) = answer.json["errors"]
    assert error["field"] == "file" and error["message"].endswith((".", "again."))
    assert kept(app.extensions["store"]) == []


def test_the_request_itself_may_be_wrong(call, app):
    client, headers = app.test_client(), {"Authorization": "Bearer t"}
    for form in ({"other": "x"}, {"file": "not a file"}, {"other": (io.BytesIO(b"a,b"), "a.csv")}):
        answer = client.post("/api/uploads", data=form, content_type="multipart/form-data", headers=headers)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "file")
    for options in ({"json": {}}, {"data": {"file": "x"}}, {"data": b"a,b", "content_type": "text/csv"}, {}):
        assert client.post("/api/uploads", headers=headers, **options).status_code == 415
    assert call(content=b"a\n1\n", token="wrong").status_code == 401
    assert call("GET", "/file-unknown").status_code == 404
    assert call("GET", "/x").status_code == 404


@pytest.mark.parametrize("sent, kept", [("..\\..\\etc/passwd.csv", "passwd.csv"), ("a\u2028b\u202e.csv", "a b .csv"),
                                        ("folder/", "table"), ("x" * 300, "x" * 200), ("a\tb.csv", "a b.csv")])
def test_a_name_is_one_plain_line_and_no_path(call, sent, kept):
    assert call(content=b"a,b\n1,2\n", name=sent).json["name"] == kept


def test_a_table_is_replaced_under_its_id(call):
    first = call(content=b"a,b\n1,2\n").json
    second = call("PUT", f"/{first['id']}", content=b"a,b\n3,4\n5,6\n")
    assert second.status_code == 200
    assert (second.json["id"], second.json["rows"], second.json["preview"][0]) == (first["id"], 2, {"a": 3, "b": 4})
    assert call("PUT", f"/{first['id']}", content=b"").status_code == 422
    assert call("GET", f"/{first['id']}").json == second.json
    assert call("PUT", "/file-" + "0" * 32, content=b"a,b\n1,2\n").status_code == 404


def test_a_table_that_a_schedule_uses_is_not_deleted(call, app):
    id = call(content=b"a,b\n1,2\n").json["id"]
    client, headers = app.test_client(), {"Authorization": "Bearer t"}
    schedule = client.post("/api/schedules", headers=headers, json={
        "kind": "sample", "params": {"label": id}, "cron": "0 9 * * 1"}).json["id"]
    answer = call("DELETE", f"/{id}")
    assert (answer.status_code, schedule in answer.json["detail"]) == (409, True)
    client.delete(f"/api/schedules/{schedule}", headers=headers)
    assert call("DELETE", f"/{id}").status_code == 204


def test_while_another_table_is_looked_at_for_long_the_next_is_asked_to_come_back(call, monkeypatch):
    monkeypatch.setattr(uploads, "PATIENCE_SECONDS", 0.1)
    with uploads.looking:
        answer = call(content=b"a,b\n1,2\n")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert call(content=b"a,b\n1,2\n").status_code == 201


@pytest.mark.parametrize("chunked", [False, True])
def test_over_the_limit_is_413_with_the_limit_in_words(app, chunked):
    environ = EnvironBuilder(path="/api/uploads", method="POST", headers={"Authorization": "Bearer t"},
                             data={"file": (io.BytesIO(b"a,b\n" * 400_000), "a.csv")}).get_environ()
    if chunked:
        del environ["CONTENT_LENGTH"]
        environ["wsgi.input_terminated"] = True
    body, status, headers = run_wsgi_app(app, environ)
    assert status.startswith("413")
    assert b"at most 1 MB, which UPLOAD_MAX_MB allows" in b"".join(body)
    assert kept(app.extensions["store"]) == []


def test_the_limit_is_the_files_not_the_requests(call):
    content = b"a,b\n" + b"1,22\n" * 199_999  # 4 bytes short of 1 MB, and multipart comes on top
    assert len(content) <= 1_000_000
    assert call(content=content).status_code == 201
    assert call(content=content + b"1,22\n" * 9).status_code == 413


def test_a_store_without_room_says_what_to_do_and_still_takes_jobs():
    server = Server(None, "--maxmemory", "5mb")
    app = make_app(server.url)
    try:
        for _ in range(28):
            app.extensions["store"].redis.rpush("somebody-else", "x" * 100_000)
        client, headers = app.test_client(), {"Authorization": "Bearer t"}
        answer = client.post("/api/uploads", data={"file": (io.BytesIO(b"a,b\n1,2\n"), "a.csv")}, headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "S3_BUCKET" in answer.json["detail"]
        assert client.post("/api/jobs", json={"kind": "sample", "params": {"label": "x"}},
                           headers=headers).status_code == 202
    finally:
        app.extensions["store"].redis.close()
        server.stop()


def test_redis_away_is_503(app, redis, call):
    redis.stop()
    answer = call(content=b"a,b\n1,2\n")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"]
    redis.start()
