"""What real processes print: every line is read back, and what happened to a request and its jobs is in them."""

import http.client
import json
import signal
import threading

import pytest

from tests.dynos import wait_for
from tests.log_lines import events, parse, parse_all
from tests.unit.test_lines import HOSTILE

HEADERS = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}
READ = {"logfmt": parse, "json": json.loads}
#: What a job's last line may be.
ENDS = ("succeeded", "failed", "cancelled")


@pytest.fixture(params=["logfmt", pytest.param("json", marks=pytest.mark.thorough)])
def app(request, make_dynos, redis):
    """Returns its processes, and a function: what they have printed, the fields of each line."""
    dynos = make_dynos(redis.url, LOG_FORMAT=request.param, RATE_LIMIT="0", WEB_CONCURRENCY="2")

    def printed():
        # A line that is being written now is not whole.
        whole = [process.text().rpartition("\n")[0].split("\n") for process in dynos.processes]
        return [READ[request.param](line) for lines in whole for line in lines if line]

    return dynos, printed


def post(dynos, path="/api/jobs", request_id=None, **body):
    connection = http.client.HTTPConnection("127.0.0.1", dynos.port, timeout=30)
    connection.request("POST", path, json.dumps(body), HEADERS | ({"X-Request-ID": request_id} if request_id else {}))
    answer = connection.getresponse()
    return answer.status, answer.headers["X-Request-ID"], json.loads(answer.read())


def test_each_job_of_a_crowd_is_followed_from_its_request_to_its_end(app):
    dynos, printed = app
    web, worker = dynos.web(), dynos.worker()
    ids = {}

    def crowd(name):
        for n in range(12):
            request_id = f"{name}-{n}"
            label = [HOSTILE.encode("utf-8", "replace").decode()[:100], "x" * 100, "plain"][n % 3]
            fail = ["never", "once", "always"][n // 3 % 3]
            body = {"kind": "sample", "params": {"label": label, "fail": fail, "seconds": 0}}
            status, given, job = post(dynos, request_id=request_id, **body)
            assert (status, given) == (202, request_id)
            ids[job["id"]] = request_id, {"never": 1, "once": 2, "always": 3}[fail]

    threads = [threading.Thread(target=crowd, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for id in ids:
        dynos.wait(id, seconds=60)
    wait_for(lambda: all(events(printed(), id)[-1:] and events(printed(), id)[-1] in ENDS for id in ids))
    worker.signal_all(signal.SIGTERM)
    web.signal_all(signal.SIGTERM)
    assert worker.wait() == 0 and web.wait() == 0
    found = printed()
    assert len(ids) == 48
    for id, (request_id, attempts) in ids.items():
        mine = [line for line in found if line.get("job") == id]
        assert {line["request_id"] for line in mine} == {request_id}
        assert {line["kind"] for line in mine} == {"sample"}
        ended = "failed" if attempts == 3 else "succeeded"
        assert events(mine, id) == ["accepted", *["started", "retried"] * (attempts - 1), "started", ended]
        begins = [line for line in mine if line.get("msg", "").startswith("begins ")]  # the job's own line
        assert [int(line["attempt"]) for line in begins] == list(range(1, attempts + 1))
        for line in mine:
            assert ("wait" in line) == (line.get("event") == "started")
            assert ("duration" in line) == (line.get("event") in ("retried", *ENDS))
            assert line.get("error") == ("ValueError" if line.get("event") in ("retried", "failed") else None)
        (access,) = [line for line in found if line["logger"] == "gunicorn.access" and line["request_id"] == request_id]
        assert (access["method"], access["path"], int(access["status"])) == ("POST", "/api/jobs", 202)
    assert {line["level"] for line in found if line["logger"].startswith("gunicorn")} == {"info"}


def test_what_a_killed_worker_had_is_lost_and_what_a_stopped_one_had_is_given_back(app):
    dynos, printed = app
    dynos.web()
    worker = dynos.worker(WORKER_CONCURRENCY="1")
    body = {"kind": "sample", "params": {"label": "long", "seconds": 60, "steps": 1}}
    _, _, job = post(dynos, request_id="router-1", **body)
    id = job["id"]
    dynos.wait(id, "running")
    worker.signal_all(signal.SIGKILL)
    other = dynos.worker(WORKER_CONCURRENCY="1", SHUTDOWN_SECONDS="1")
    wait_for(lambda: events(printed(), id).count("started") == 2)
    other.signal_all(signal.SIGTERM)
    assert other.wait() == 0
    found = [line for line in printed() if line.get("job") == id]
    assert events(found, id) == ["accepted", "started", "lost", "started", "given_back"]
    assert {line["request_id"] for line in found} == {"router-1"}
    lost, given_back = (line for line in found if line.get("event") in ("lost", "given_back"))
    assert [int(line["attempt"]) for line in (lost, given_back)] == [1, 2]
    assert all(line["state"] == "queued" and line["kind"] == "sample" for line in (lost, given_back))
    assert float(lost["duration"]) > 4 and float(given_back["duration"]) > 0.9
    assert "error" not in {line["level"] for line in printed()}, "that it stops is none"


def test_a_process_that_dies_a_task_that_is_unknown_and_one_out_of_time_are_a_line_each_and_tell_no_arguments(app):
    dynos, printed = app
    dynos.worker(LOG_LEVEL="DEBUG")
    died = dynos.task("die").delay(str(dynos.ledger), "dear diary").id
    late = dynos.task("too_long").delay(str(dynos.ledger), "dear diary").id
    dynos.celery.send_task("unknown", ("dear diary",), {"text": "dear diary"}, task_id="u")
    failed = dynos.task("boom").delay("two\nlines").id
    for id in (died, late, failed):
        dynos.wait(id)
    wait_for(lambda: "failed" in events(printed(), late) and "failed" in events(printed(), died))
    found = printed()
    assert "dear diary" not in str(found)
    assert events(found, died) == ["started", "lost"] * 3 + ["failed"]
    (failed_line,) = [line for line in found if line.get("event") == "failed" and line["job"] == late]
    assert failed_line["error"] == "TimeLimitExceeded" and float(failed_line["duration"]) > 1.9
    assert any("exited with" in line.get("msg", "") for line in found)
    assert any("no code for the kind unknown" in line.get("msg", "") for line in found)
    (trace,) = [line["trace"] for line in found if line.get("job") == failed and "trace" in line]
    assert trace.startswith("Traceback") and trace.endswith("RuntimeError: two\nlines")


def test_how_else_a_run_ends_is_an_event(dynos):
    worker = dynos.worker()
    rejected = dynos.task("ends_by").delay(str(dynos.ledger), "requeue").id
    dynos.wait(rejected)
    running = dynos.work("long", 30, True)
    dynos.wait(running, "running")
    dynos.store.cancel(running)
    replaced = dynos.task("replaced").delay(str(dynos.ledger), False).id
    for id in (running, replaced):
        dynos.wait(id)
    steps = dynos.task("by_steps").delay(str(dynos.ledger), 100).id
    wait_for(lambda: dynos.lines("step 1"))
    worker.signal_all(signal.SIGTERM)
    assert worker.wait() == 0
    expired = dynos.work("late", expires=0.1)
    worker = dynos.worker()
    dynos.wait(expired)
    wait_for(lambda: "cancelled" in worker.text())
    found = [line for process in dynos.processes for line in parse_all(process.text())]
    assert events(found, running) == ["started", "cancelled"]
    assert events(found, replaced) == ["started", "accepted", "replaced", "started", "succeeded"]
    assert events(found, rejected) == [*["started", "rejected"] * 2, "started", "succeeded"]
    assert events(found, steps)[:2] == ["started", "interrupted"]
    assert events(found, expired) == ["cancelled"]


def test_a_job_of_a_job_and_lines_of_its_threads_have_its_request_id(dynos):
    dynos.web()
    worker = dynos.worker()
    _, given, job = post(dynos, kind="parent", params={})
    dynos.wait(job["id"])
    child = dynos.wait(job["result"] or dynos.job(job["id"])["result"])
    assert child["request_id"] == given
    (line,) = [line for line in parse_all(worker.text()) if line.get("msg") == "from a thread"]
    assert (line["job"], line["kind"], line["attempt"], line["request_id"]) == (job["id"], "parent", "1", given)
    wait_for(lambda: "succeeded" in events(parse_all(worker.text()), child["id"]))


def test_a_job_that_is_cancelled_before_it_starts_has_its_request_id_to_its_last_line(dynos):
    dynos.web()
    _, _, job = post(dynos, request_id="router-1", kind="sample", params={"label": "x"})
    assert post(dynos, f"/api/jobs/{job['id']}/cancellation")[0] == 200
    worker = dynos.worker()
    (line,) = wait_for(lambda: [line for line in parse_all(worker.text()) if line.get("event") == "ignored"])
    assert (line["job"], line["kind"], line["request_id"], line["state"]) == (
        job["id"], "sample", "router-1", "cancelled")


def test_an_id_that_looks_like_none_is_replaced_and_a_request_that_is_none_is_a_line(dynos):
    web = dynos.web()
    _, given, _ = post(dynos, request_id="a b=c", kind="sample", params={"label": "x"})
    assert len(given) == 36
    for line in (b"GET /x\x1b[31m HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"):
        connection = http.client.HTTPConnection("127.0.0.1", dynos.port, timeout=10)
        connection.connect()
        connection.sock.sendall(line)
        connection.sock.recv(1000)
    connection = http.client.HTTPConnection("127.0.0.1", dynos.port, timeout=10)
    connection.request("GET", "/%0alevel=error?q=secret-words", headers={"X-Request-ID": "page-1"})
    assert connection.getresponse().headers["X-Request-ID"] == "page-1"
    wait_for(lambda: "page-1" in web.text())
    found = parse_all(web.text())
    assert "secret-words" not in str(found)
    assert [line["path"] for line in found if line.get("request_id") == "page-1"] == ["/%0alevel=error"]


def test_log_level_is_that_of_all_lines(dynos):
    web, worker = dynos.web(LOG_LEVEL="WARNING"), dynos.worker(LOG_LEVEL="WARNING", wait=False)
    _, _, job = post(dynos, kind="sample", params={"label": "x", "seconds": 0})
    dynos.wait(job["id"])
    found = parse_all(web.text()) + parse_all(worker.text())
    assert [line for line in found if line["logger"] != "py.warnings"] == []
