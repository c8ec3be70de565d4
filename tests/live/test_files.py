"""Files: kept with a lifetime, deflated, bounded, in Redis or in a bucket; and a job's file, downloaded."""

import io
import random

import pytest

from app import files
from app.accept import NewTime, reschedule_all
from app.addons import BucketSettings
from app.config import Settings
from app.connections import connect
from app.files import Files
from app.queue import make_celery
from app.store import Store
from app.timers import Timers
from app.web import create_app
from tests.dynos import Server
from tests.stores import start, submit

RANDOM = random.Random(7).randbytes(700_000)  # three pieces, and does not deflate
TEXT = b"the same words again and again\n" * 50_000
WEEK = 7 * 86400


@pytest.fixture
def Bucket():
    return pytest.importorskip("app.bucket").Bucket


@pytest.fixture(scope="module")
def s3():
    """A server that speaks S3, on a port of its own."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, Bucket):
    bucket = Bucket(BucketSettings("reports", "key", "secret", "us-east-1", s3, "folder/"))
    bucket.client.create_bucket(Bucket="reports")
    yield bucket
    for entry in bucket.client.list_objects_v2(Bucket="reports").get("Contents", []):
        bucket.client.delete_object(Bucket="reports", Key=entry["Key"])
    bucket.client.delete_bucket(Bucket="reports")
    bucket.client.close()


@pytest.fixture(params=["redis", "bucket"])
def kept(request, redis):
    store = Store(connect(redis.url, patient=False))
    yield Files(store, WEEK, request.getfixturevalue("bucket") if request.param == "bucket" else None)
    store.redis.close()


def put(kept, content, most_mb=5.0, **options):
    return kept.put("ñ a.pdf", "application/pdf", io.BytesIO(content), most_mb=most_mb, limit="RESULT_MAX_MB",
                    **options)


@pytest.mark.parametrize("content", [RANDOM, TEXT, b"", b"x"], ids=["random", "text", "empty", "byte"])
def test_what_is_put_can_be_read(kept, content):
    id = put(kept, content, info={"rows": 3}).id
    file = kept.get(id)
    assert (file.name, file.type, file.bytes, file.info) == ("ñ a.pdf", "application/pdf", len(content), {"rows": 3})
    pieces = list(kept.read(kept.get(id)))
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= files.PIECE


def test_a_file_lives_as_long_as_it_should_and_longer_when_it_is_needed(kept):
    id = put(kept, RANDOM).id
    assert WEEK - 60 < kept.redis.ttl(f"jobs:file:{id}") <= WEEK
    kept.keep(id, 60)
    assert kept.redis.ttl(f"jobs:file:{id}") > WEEK - 60
    kept.keep(id, 3 * WEEK)
    for key in [*kept.redis.keys("jobs:file:*"), *kept.redis.keys("jobs:pieces:*")]:
        assert 3 * WEEK - 60 < kept.redis.ttl(key) <= 3 * WEEK
    for _, at in kept.redis.zrange("jobs:contents", 0, -1, withscores=True):
        assert 3 * WEEK - 60 < at / 1000 - kept.store.now() <= 3 * WEEK + 60
    kept.keep("file-never-there", WEEK)
    assert kept.get("file-never-there") is None


def test_a_file_that_has_expired_says_so(kept):
    file = put(kept, b"x")
    kept.delete(file.id)
    assert kept.get(file.id) is None
    with pytest.raises(files.Gone):
        list(kept.read(file))
    assert kept.redis.keys("*") == []


def test_a_file_over_the_limit_is_refused_with_the_variable_to_set(kept):
    with pytest.raises(files.TooLarge, match=r"0\.7 MB, more than the 0\.5 that RESULT_MAX_MB"):
        put(kept, RANDOM, most_mb=0.5)
    assert kept.redis.keys("*") == []


def test_text_is_kept_deflated(redis):
    kept = Files(Store(connect(redis.url, patient=False)), WEEK)
    put(kept, TEXT)
    assert len(kept.redis.keys("jobs:pieces:*")) == 1
    assert kept.redis.memory_usage(kept.redis.keys("jobs:pieces:*")[0]) < len(TEXT) / 20
    kept.redis.close()


def test_files_leave_room_for_jobs_and_say_what_to_do(tmp_path):
    server = Server(None, "--maxmemory", "6mb")
    kept = Files(Store(connect(server.url, patient=True)), WEEK)
    try:
        with pytest.raises(files.Full, match="S3_BUCKET"):
            for _ in range(20):
                put(kept, RANDOM)
        there = len(kept.redis.keys("jobs:file:*"))
        assert there > 1
        assert len(kept.redis.keys("jobs:pieces:*")) == there  # the one that did not fit left nothing
        assert kept.store.submit("a", "demo", "{}", queue="default")[:2] == ("queued", "a")
    finally:
        kept.redis.close()
        server.stop()


def test_a_writer_that_died_leaves_nothing_for_long(kept):
    kept._write("new", io.BytesIO(RANDOM))  # and not a word of its file
    if kept.bucket:
        (_, at), = kept.redis.zrange("jobs:contents", 0, -1, withscores=True)
        assert 0 < at / 1000 - kept.store.now() <= files.HALF_WRITTEN_SECONDS + 1
    else:
        assert 0 < kept.redis.ttl("jobs:pieces:new") <= files.HALF_WRITTEN_SECONDS


def test_content_is_replaced_and_who_reads_the_old_one_reads_it_to_its_end(kept):
    id = put(kept, RANDOM).id
    kept.keep(id, 3 * WEEK)
    reader = kept.read(kept.get(id))
    begun = next(reader)
    assert put(kept, TEXT, replaces=id).id == id
    assert begun + b"".join(reader) == RANDOM
    assert b"".join(kept.read(kept.get(id))) == TEXT
    assert kept.redis.ttl(f"jobs:file:{id}") > 2 * WEEK
    if not kept.bucket:
        lives = sorted(kept.redis.ttl(key) for key in kept.redis.keys("jobs:pieces:*"))
        assert lives[0] <= files.HALF_WRITTEN_SECONDS and lives[1] > 2 * WEEK


def test_a_file_that_a_job_waits_for_lives_on_while_redis_is_full(kept):
    """A worker that could not say so would wait, and with it all that is due."""
    file = kept.put("a.txt", "text/plain", io.BytesIO(b"x"), most_mb=1, limit="", seconds=60)
    kept.redis.config_set("maxmemory", 100_000)
    kept.keep(file.id, 3600)
    kept.redis.config_set("maxmemory", 0)
    assert kept.redis.ttl(f"jobs:file:{file.id}") > 3500
    assert not kept.bucket or kept.redis.zscore("jobs:contents", file.content) > (kept.store.now() + 3500) * 1000


def test_the_bucket_is_emptied_of_what_has_expired_and_of_nothing_else(redis, bucket):
    kept = Files(Store(connect(redis.url, patient=False)), WEEK, bucket)
    put(kept, b"old")
    old = kept.redis.zrange("jobs:contents", 0, -1)[0]
    put(kept, b"new")
    (new,) = set(kept.redis.zrange("jobs:contents", 0, -1)) - {old}
    kept.redis.zadd("jobs:contents", {old: 1})
    kept.trim()
    keys = [entry["Key"] for entry in bucket.client.list_objects_v2(Bucket="reports")["Contents"]]
    assert keys == [f"folder/{new}"]
    assert kept.redis.zrange("jobs:contents", 0, -1) == [new]
    kept.redis.close()


def test_a_bucket_that_cannot_be_used_is_said_to_be_away(redis, Bucket):
    nowhere = Bucket(BucketSettings("b", "k", "s", "us-east-1", "http://127.0.0.1:1"))
    kept = Files(Store(connect(redis.url, patient=False)), WEEK, nowhere)
    with pytest.raises(files.Away):
        put(kept, b"x")
    assert kept.redis.keys("jobs:file:*") == []
    with pytest.raises(files.Away):
        list(kept.read(files.File("file-1", "a", "text/plain", 1, {}, "1")))
    kept.redis.zadd("jobs:contents", {"1": 1})
    kept.trim()  # is logged, and does not stop what else the worker does
    kept.redis.close()


@pytest.mark.parametrize("value", ["", "file-", "file-../../x", "file-" + "0" * 31, "file-" + "g" * 32,
                                   "file-" + "0" * 32 + ":pieces", "file-" + "0" * 32 + "\n", 5, None, ["file-"]])
def test_what_does_not_look_like_a_files_id_is_none(value):
    assert not files.is_file(value)
    assert files.is_file("file-" + "0" * 32)


def test_moving_many_jobs_keeps_the_files_that_those_name_and_no_others(dynos):
    files = [put(dynos.celery.files, b"x", seconds=60).id for _ in range(3)]
    first, second, _other = [dynos.work(file, countdown=3600) for file in files]
    assert reschedule_all(dynos.celery, [first, "unknown", second], NewTime(delay=86400), by="api") == [first, second]
    days = [dynos.store.redis.ttl(f"jobs:file:{file}") / 86400 for file in files]
    assert [round(n, 2) for n in days] == [8, 8, 0]


@pytest.fixture
def get(dynos):
    app = create_app(Settings.from_env(dynos.env))
    yield lambda path, token="test-token": app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})
    app.extensions["store"].redis.close()


def made(dynos, name, type, text):
    return dynos.task("make_file").delay(name, type, text).id


def test_a_file_that_a_job_made_is_downloaded_with_its_name_and_type(dynos, get):
    dynos.worker()
    text = "Größe;1\n" * 90_000
    id = made(dynos, "Größe – \"Q1\".csv", "text/csv; charset=utf-8", text)
    job = dynos.wait(id)
    assert job["result"]["lines"] == 90_000
    assert job["result"]["file"] | {"id": ""} == {"id": "", "name": "Größe – \"Q1\".csv",
                                                 "type": "text/csv; charset=utf-8", "bytes": len(text.encode())}
    answer = get(f"/api/jobs/{id}/result")
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E2%80%93%20%22Q1%22.csv")
    assert answer.content_length == len(text.encode())
    assert answer.text == text
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Content-Security-Policy"]) == (
        "nosniff", "sandbox")
    assert get(f"/api/jobs/{id}/result", token="wrong").status_code == 401
    assert dynos.store.redis.ttl(f"jobs:file:{job['result']['file']['id']}") > 6 * 86400


def test_with_a_bucket_a_jobs_file_goes_there_and_comes_from_there(redis, make_dynos, bucket, s3):
    dynos = make_dynos(redis.url, S3_BUCKET="reports", S3_ENDPOINT_URL=s3, AWS_ACCESS_KEY_ID="k",
                       AWS_SECRET_ACCESS_KEY="s", AWS_REGION="us-east-1")
    dynos.worker()
    id = made(dynos, "a.txt", "text/plain; charset=utf-8", "ñ" * 400_000)
    dynos.wait(id)
    (content,) = [entry["Key"] for entry in bucket.client.list_objects_v2(Bucket="reports")["Contents"]]
    assert dynos.store.redis.keys("jobs:pieces:*") == []
    app = create_app(Settings.from_env(dynos.env))
    client, headers = app.test_client(), {"Authorization": "Bearer test-token"}
    assert client.get(f"/api/jobs/{id}/result", headers=headers).text == "ñ" * 400_000
    bucket.client.delete_object(Bucket="reports", Key=content)
    assert client.get(f"/api/jobs/{id}/result", headers=headers).status_code == 410
    bucket.client.delete_bucket(Bucket="reports")
    answer = client.get(f"/api/jobs/{id}/result", headers=headers)
    assert (answer.status_code, "bucket" in answer.json["detail"]) == (503, True)
    bucket.client.create_bucket(Bucket="reports")
    app.extensions["store"].redis.close()


def test_a_file_that_has_expired_is_410_while_its_job_is_still_known(dynos, get):
    dynos.worker()
    id = made(dynos, "a.txt", "text/plain", "x")
    dynos.celery.files.delete(dynos.wait(id)["result"]["file"]["id"])
    answer = get(f"/api/jobs/{id}/result")
    assert (answer.status_code, answer.content_type) == (410, "application/problem+json")
    assert "RETENTION_DAYS" in answer.json["detail"]


def test_a_file_over_the_limit_fails_its_job_with_what_to_do_and_leaves_nothing(redis, make_dynos):
    dynos = make_dynos(redis.url, RESULT_MAX_MB="0.001")
    dynos.worker()
    job = dynos.wait(made(dynos, "a.txt", "text/plain", "x" * 2000))
    assert (job["state"], job["error"]["type"]) == ("failed", "TooLarge")
    assert "RESULT_MAX_MB" in job["error"]["message"]
    assert dynos.store.redis.keys("jobs:file*") == dynos.store.redis.keys("jobs:pieces*") == []


def test_a_full_store_fails_the_job_at_once_and_the_rest_goes_on(make_dynos):
    server = Server(None, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
    try:
        dynos = make_dynos(server.url)
        dynos.worker()
        for _ in range(28):
            dynos.store.redis.rpush("somebody-else", RANDOM[:100_000])
        job = dynos.wait(made(dynos, "a.txt", "text/plain", RANDOM[:50_000].hex()))
        assert (job["state"], job["error"]["type"]) == ("failed", "Full")
        assert "larger plan" in job["error"]["message"]
        assert dynos.wait(dynos.work("next"))["state"] == "succeeded"
    finally:
        server.stop()


def test_a_worker_makes_room_by_what_ended_an_hour_ago_with_its_files(redis):
    app = make_celery(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url}))
    now = int(app.store.now() * 1000)
    app.store.clock = lambda: now - 2 * 3600_000
    made = app.files.put("a.txt", "text/plain", io.BytesIO(b"x" * 1000), most_mb=1, limit="X")
    submit(app.store, "old")
    app.store.settle("old", start(app.store, "old").token, "w1", "succeeded", result={"file": {"id": made.id}})
    app.store.clock = lambda: now
    submit(app.store, "of now")
    app.store.cancel("of now")
    app.store.redis.config_set("maxmemory", int(app.store.redis.info("memory")["used_memory"] * 1.1))
    Timers(app).trim()
    assert list(app.store.ids()) == ["of now"]
    assert app.files.get(made.id) is None
    app.store.redis.close()
