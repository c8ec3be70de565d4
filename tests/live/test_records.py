"""The log kind: accepted without a job, written in batches by one of many workers, twice rather than never."""

import gzip
import json
import random
import signal
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from app.accept import TooMany
from app.config import Settings
from app.connections import UNAVAILABLE
from app.records import WAITING, WRITER, Writer
from app.web import create_app
from tests.dynos import Server, wait_for

HOSTILE = {"a": "\x1b[31m\r\n\u2028\u202e<script>é", "__type__": "datetime", "b": {"c": [None, True, 1.5, "{}"]}}


@pytest.fixture
def post(dynos):
    app = create_app(Settings.from_env(dynos.env))

    def post(params, token="test-token", path="/api/jobs", headers=None, **asked):
        headers = {"Authorization": f"Bearer {token}"} | (headers or {})
        return app.test_client().post(path, json={"kind": "log", "params": params, **asked}, headers=headers)

    yield post
    app.extensions["store"].redis.close()


def waiting(store) -> list[dict]:
    return [json.loads(fields["record"]) for _, fields in store.redis.xrange(WAITING)]


def printed(*processes) -> list[dict]:
    """What workers wrote to stdout."""
    return [json.loads(line) for process in processes for line in process.text().split("\n")
            if line.startswith('{"id"') and line.endswith("}")]


# --- accepted ---


def test_records_are_accepted_and_no_job_is_kept_of_them(dynos, post):
    answer = post({"record": HOSTILE})
    assert (answer.status_code, answer.json["kind"], answer.json["state"]) == (202, "log", "succeeded")
    assert answer.json["id"] and "Location" not in answer.headers
    assert post({"records": [{"n": 1}, {"n": 2}]}).status_code == 202
    dynos.task("log").delay({"record": {"n": 3}})
    dynos.task("log").apply_async(kwargs={"params": {"records": [{"n": 4}]}})
    assert waiting(dynos.store) == [HOSTILE, *({"n": n} for n in (1, 2, 3, 4))]
    assert list(dynos.store.ids()) == []
    assert not any(dynos.store.counts().values())


def test_who_has_no_token_that_may_send_a_job_may_send_no_record(dynos, post):
    assert post({"record": {}}, token="wrong").status_code == 401
    assert waiting(dynos.store) == []


@pytest.mark.parametrize("params", [{}, {"record": 5}, {"records": []}, {"record": {"x": "y" * 8000}},
                                    {"records": [{}, {"x": "\x1b" * 1400}]}, {"record": {}, "records": [{}]}], ids=repr)
def test_what_is_no_record_is_refused_whole_with_its_field(dynos, post, params):
    answer = post(params)
    assert answer.status_code == 422 and answer.json["errors"][0]["field"].startswith("params")
    with pytest.raises(ValidationError):
        dynos.task("log").delay(params)
    assert waiting(dynos.store) == []


def test_a_wrong_call_in_python_is_a_type_error_as_of_any_task(dynos):
    with pytest.raises(TypeError):
        dynos.task("log").delay()
    with pytest.raises(TypeError):
        dynos.task("log").delay({"record": {}}, 5)


def test_more_than_may_wait_are_refused_all_of_the_call(redis, make_dynos):
    dynos = make_dynos(redis.url, LOG_RECORDS_MAX="1000")
    app = create_app(Settings.from_env(dynos.env))
    dynos.task("log").delay({"records": [{}] * 999})
    answer = app.test_client().post("/api/jobs", json={"kind": "log", "params": {"records": [{}, {}]}},
                                    headers={"Authorization": "Bearer test-token"})
    assert (answer.status_code, "LOG_RECORDS_MAX" in answer.json["detail"]) == (429, True)
    assert answer.headers["Retry-After"]
    with pytest.raises(TooMany):
        dynos.task("log").delay({"records": [{}, {}]})
    dynos.task("log").delay({"record": {}})
    assert dynos.store.redis.xlen(WAITING) == 1000
    app.extensions["store"].redis.close()


def test_records_leave_the_last_of_redis_to_jobs(make_dynos):
    server = Server(None, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
    try:
        dynos = make_dynos(server.url)
        app = create_app(Settings.from_env(dynos.env))
        with pytest.raises(UNAVAILABLE):
            for _ in range(1000):
                dynos.task("log").delay({"records": [{"x": "y" * 7000}] * 5})
        headers = {"Authorization": "Bearer test-token"}
        answer = app.test_client().post("/api/jobs", json={"kind": "log", "params": {"record": {}}}, headers=headers)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert dynos.work("a job")
        app.extensions["store"].redis.close()
    finally:
        server.stop()


def test_what_only_a_job_can_do_makes_one_which_ends_with_the_same(dynos, post):
    ids = [post({"record": {"n": 1}}, delay=0.1).json["id"], post({"record": {"n": 2}}, lane="a").json["id"],
           post({"record": {"n": 3}}, headers={"Idempotency-Key": "k"}).json["id"],
           dynos.task("log").apply_async(({"record": {"n": 4}},), ignore_result=False).id]
    assert post({"record": {"n": 3}}, headers={"Idempotency-Key": "k"}).json["id"] == ids[2]
    chain = dynos.task("anything").si({}) | dynos.task("log").si({"record": {"n": 5}})
    ids.append(chain.apply_async().id)
    worker = dynos.worker()
    for id in ids:
        wait_for(lambda id=id: dynos.store.get(id))
        assert dynos.wait(id)["state"] == "succeeded"
    wait_for(lambda: {line["record"]["n"] for line in printed(worker)} == {1, 2, 3, 4, 5})


def test_no_secret_of_ours_gets_into_a_record(redis, make_dynos):
    dynos = make_dynos(redis.url, API_TOKEN="a-token-of-ours-123")
    dynos.task("log").delay({"record": {"header": ["Bearer a-token-of-ours-123"], "n": 1}})
    [record] = waiting(dynos.store)
    assert "a-token-of-ours" not in json.dumps(record) and record["n"] == 1


# --- written ---


def test_they_are_written_in_order_each_a_line_with_its_id_by_one_of_the_workers(dynos, post):
    workers = [dynos.worker(), dynos.worker()]
    post({"records": [HOSTILE, *({"n": n} for n in range(999))]})
    post({"record": {"n": 999}})
    lines = wait_for(lambda: len(found := printed(*workers)) >= 1001 and found)
    assert [line["record"] for line in lines] == [HOSTILE, *({"n": n} for n in range(1000))]
    assert len({line["id"] for line in lines}) == 1001 and all(line["at"].endswith("Z") for line in lines)
    assert sum("<script>" in worker.text() for worker in workers) == 1
    assert "\x1b" not in "".join(worker.text() for worker in workers)
    wait_for(lambda: not waiting(dynos.store))


def test_they_go_to_another_stream_that_keeps_the_last(redis, make_dynos):
    dynos = make_dynos(redis.url, LOG_RECORDS_TO="redis:clicks", LOG_RECORDS_MAX="1000")
    dynos.worker()
    for begin in (0, 900):
        dynos.task("log").delay({"records": [{"n": n} for n in range(begin, begin + 900)]})
        wait_for(lambda: not waiting(dynos.store))
    rows = [json.loads(fields["record"])["record"]["n"] for _, fields in dynos.store.redis.xrange("clicks")]
    assert rows == list(range(1800))[-len(rows):] and 1000 <= len(rows) < 1200


def test_the_turn_of_a_worker_that_died_ends(dynos):
    dynos.celery.worker = "one"
    one = Writer(dynos.celery)
    dynos.celery.worker = "other"
    other, written = Writer(dynos.celery), []
    one.write = other.write = written.append
    one.step()
    dynos.task("log").delay({"record": {}})
    other.step()
    assert written == [] and 0 < dynos.store.redis.ttl(WRITER) <= 15
    dynos.store.redis.delete(WRITER)  # as time does
    other.step()
    assert len(written) == 1 and waiting(dynos.store) == []


def test_while_they_cannot_be_written_they_wait_and_a_full_batch_is_not_slept_upon(dynos, monkeypatch):
    dynos.celery.worker = "one"
    writer, written = Writer(dynos.celery), []
    dynos.task("log").delay({"records": [{}] * 501})
    monkeypatch.setattr(writer, "write", lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writer.step()
    assert len(waiting(dynos.store)) == 501
    monkeypatch.setattr(writer, "write", written.append)
    assert (writer.step(), writer.step()) == (0, 1)
    assert [len(batch.lines) for batch in written] == [500, 1]


def test_none_is_lost_while_workers_are_killed(dynos):
    sent, done, workers = [], threading.Event(), []

    def send():
        while not done.is_set() or len(sent) < 2000:
            some = list(range(len(sent), len(sent) + 50))
            with suppress(TooMany):
                dynos.task("log").delay({"records": [{"n": n} for n in some]})
                sent.extend(some)
            done.wait(0.02)

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(3):
        dynos.store.redis.delete(WRITER)  # as the end of the dead one's turn does, sooner
        workers.append(dynos.worker())
        wait_for(lambda: printed(workers[-1]), what="a batch")
        done.wait(random.random())
        workers[-1].end()
    done.set()
    thread.join()
    dynos.store.redis.delete(WRITER)
    workers.append(dynos.worker())
    wait_for(lambda: not waiting(dynos.store))
    wait_for(lambda: {line["record"]["n"] for line in printed(*workers)} >= set(sent))


class Storage(ThreadingHTTPServer):
    """As a bucket: what is put is kept. It kills who puts the first object, when it has that and before it says so."""

    def __init__(self):
        self.objects, self.kill, self.slow = [], None, None
        super().__init__(("127.0.0.1", 0), Put)


class Put(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        if "continue" in self.headers.get("Expect", ""):
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.objects.append((self.path, body))
        kill, self.server.kill = self.server.kill, None
        if kill:
            kill()
            self.close_connection = True
            return
        slow, self.server.slow = self.server.slow, None
        if slow:
            slow()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle_expect_100(self):
        return True

    def log_message(self, *_):
        pass


@pytest.fixture
def storage():
    storage = Storage()
    threading.Thread(target=storage.serve_forever, daemon=True).start()
    yield storage
    storage.shutdown()
    storage.server_close()


def bucket_env(url):
    pytest.importorskip("app.bucket")
    return {"LOG_RECORDS_TO": "s3", "S3_BUCKET": "logs", "S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}


def test_a_worker_killed_between_writing_and_removing_has_its_batch_written_again(redis, make_dynos, storage):
    dynos = make_dynos(redis.url, **bucket_env(f"http://127.0.0.1:{storage.server_port}"))
    dynos.task("log").delay({"records": [{"n": n} for n in range(100)]})
    storage.kill = lambda: first.signal_all(signal.SIGKILL)
    first = dynos.worker(wait=False)
    first.wait()
    assert len(storage.objects) == 1 and len(waiting(dynos.store)) == 100
    dynos.store.redis.delete(WRITER)
    dynos.worker()
    wait_for(lambda: not waiting(dynos.store))
    (path, _), (again, _) = storage.objects
    assert path == again, "in a bucket it takes the place of the first"


def test_a_worker_that_stops_ends_its_batch_and_hands_on_its_turn(redis, make_dynos, storage):
    dynos = make_dynos(redis.url, **bucket_env(f"http://127.0.0.1:{storage.server_port}"))
    dynos.task("log").delay({"record": {"n": 1}})

    def stop():
        worker.signal_all(signal.SIGTERM)
        time.sleep(1.5)

    storage.slow = stop
    worker = dynos.worker(wait=False)
    assert worker.wait() == 0
    assert len(storage.objects) == 1 and waiting(dynos.store) == []
    assert not dynos.store.redis.exists(WRITER)


def test_a_batch_is_an_object_of_a_bucket(redis, make_dynos):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        dynos = make_dynos(redis.url, **bucket_env("http://{}:{}".format(*server.get_host_and_port())))
        client = dynos.celery.files.bucket.client
        client.create_bucket(Bucket="logs")
        worker = dynos.worker()
        dynos.task("log").delay({"records": [HOSTILE, *({"n": n} for n in range(600))]})
        wait_for(lambda: not waiting(dynos.store))
        [name] = [entry["Key"] for entry in client.list_objects_v2(Bucket="logs")["Contents"]]
        lines = gzip.decompress(client.get_object(Bucket="logs", Key=name)["Body"].read()).splitlines()
        assert [json.loads(line)["record"] for line in lines] == [HOSTILE, *({"n": n} for n in range(600))]
        client.delete_object(Bucket="logs", Key=name), client.delete_bucket(Bucket="logs")
        dynos.task("log").delay({"record": {"n": 0}})
        wait_for(lambda: "out of reach" in worker.text())
        assert waiting(dynos.store) == [{"n": 0}]
        client.create_bucket(Bucket="logs")
        wait_for(lambda: not waiting(dynos.store))
        client.close()
    finally:
        server.stop()
