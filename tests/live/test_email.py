"""The email kind, through a real SMTP server and a real worker."""

import io
import json
import re
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest
import trustme

from app import outbox
from app.config import Settings
from app.scrubber import Scrubber
from app.web import create_app
from tests.dynos import ROOT, wait_for
from tests.log_lines import events, parse
from tests.stores import kept

PARAMS = {"to": "ada@example.com", "subject": "Grüße, Ada", "text": "Hallo\n.\nEnde", "html": "<p>Hallo</p>"}


@pytest.fixture
def tls(tmp_path):
    """A server's TLS context, and the file that a client trusts it by."""
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return context, str(tmp_path / "ca.pem")


BAD = [
    ({"to": []}, "to"),
    ({"to": None}, "to"),
    ({"to": "no address"}, "to"),
    ({"to": ["ada@example.com", "b"]}, "to"),
    ({"to": ["ada@example.com"] * 51}, "to"),
    ({"to": ["ada@example.com"] * 20, "cc": ["b@example.com"] * 20, "bcc": ["c@example.com"] * 11}, ""),
    ({"to": "a@example.com\nBcc: b@example.com"}, "to"),
    ({"to": "a@example.com\r"}, "to"),
    ({"to": "a\u2028@example.com"}, "to"),
    ({"to": "a@example.com\u2029"}, "to"),
    ({"to": "a@example\x00.com"}, "to"),
    ({"to": '"a@example.org"@example.com'}, "to"),
    ({"to": "a@[127.0.0.1]"}, "to"),
    ({"cc": "ada@"}, "cc"),
    ({"bcc": ["Ada <ada@example.com>"]}, "bcc"),
    ({"cc": "b\u0085@example.com"}, "cc"),
    ({"reply_to": "x\r\ny@example.com"}, "reply_to"),
    ({"reply_to": "x@example.com\u2028Bcc: b@example.com"}, "reply_to"),
    ({"reply_to": "Ada\n <x@example.com>"}, "reply_to"),
    ({"subject": "a\nBcc: b@example.com"}, "subject"),
    ({"subject": "a\r\n\r\nbody"}, "subject"),
    ({"subject": "a\u0085Bcc: b@example.com"}, "subject"),
    ({"subject": "a\u2028b"}, "subject"),
    ({"subject": ""}, "subject"),
    ({"subject": "  "}, "subject"),
    ({"text": " ", "html": ""}, "text"),
    ({"subject": 5}, "subject"),
    ({"text": None, "html": None}, "text"),
    ({"from": "me@example.com"}, "from"),
]


@pytest.mark.parametrize("change, field", BAD)
def test_bad_params_are_named_and_nothing_is_stored(redis, change, field):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"}))
    answer = app.test_client().post("/api/jobs", json={"kind": "email", "params": PARAMS | change},
                                    headers={"Authorization": "Bearer t"})
    assert answer.status_code == 422
    assert f"params.{field}".rstrip(".") in [error["field"] for error in answer.json["errors"]]
    assert kept(app.extensions["store"]) == []
    app.extensions["store"].redis.close()


def email(dynos, countdown=None, **params):
    return dynos.task("email").apply_async(kwargs={"params": PARAMS | params}, countdown=countdown).id


def test_a_delayed_email_survives_a_restart_of_every_process(redis, make_dynos, serve, mailbox):
    server = serve()
    dynos = make_dynos(redis.url, SMTP_URL=f"smtp://127.0.0.1:{server.port}", MAIL_FROM="app@example.org")
    worker = dynos.worker()
    asked = time.time()
    id = email(dynos, countdown=6, cc="eve@example.com", bcc=["bob@example.com"], reply_to="desk@example.org")
    assert dynos.job(id)["state"] == "scheduled"
    worker.end()
    dynos.worker()
    job = dynos.wait(id)
    assert job["state"] == "succeeded"
    assert time.time() - asked >= 6
    assert job["result"] == {"message_id": f"<{id}@example.org>", "refused": [], "reasons": {},
                             "accepted": ["ada@example.com", "eve@example.com", "bob@example.com"]}
    (message,), (envelope,) = mailbox.messages, mailbox.envelopes
    assert (message["From"], message["To"], message["Cc"]) == ("app@example.org", "ada@example.com", "eve@example.com")
    assert (message["Subject"], message["Reply-To"]) == ("Grüße, Ada", "desk@example.org")
    assert message["Message-ID"] == job["result"]["message_id"]
    assert message["Bcc"] is None
    assert set(envelope.rcpt_tos) == {"ada@example.com", "eve@example.com", "bob@example.com"}
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == "Hallo\n.\nEnde\n"
    assert message.get_body(("html",)).get_content().strip() == "<p>Hallo</p>"


@pytest.mark.parametrize("to_outbox", [False, True])
def test_a_request_can_be_followed_into_the_header_of_its_mail(redis, make_dynos, serve, mailbox, to_outbox):
    server = serve()
    smtp = {} if to_outbox else {"SMTP_URL": f"smtp://127.0.0.1:{server.port}", "MAIL_FROM": "app@example.org"}
    dynos = make_dynos(redis.url, **smtp)
    dynos.web()
    dynos.worker()
    request = urllib.request.Request(
        dynos.base + "/api/jobs", json.dumps({"kind": "email", "params": PARAMS, "delay": 2}).encode(), {
            "Authorization": "Bearer test-token", "Content-Type": "application/json", "X-Request-ID": "r" * 64})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["X-Request-ID"] == "r" * 64
        id = json.load(answer)["id"]
    assert dynos.wait(id)["state"] == "succeeded"
    message = outbox.find(dynos.store, id).message if to_outbox else mailbox.messages[0]
    assert message["X-Request-ID"] == "r" * 64

    def found():
        return [parse(line) for process in dynos.processes for line in process.text().splitlines()]

    wait_for(lambda: events(found(), id) == ["accepted", "started", "succeeded"])  # it says so when it has done so
    assert {line["request_id"] for line in found() if line.get("job") == id} == {"r" * 64}


def test_no_address_and_nothing_of_a_mail_is_in_the_log(dynos_with, mailbox):
    mailbox.rcpt_answers = {"never@example.com": ["550 unknown never@example.com"],
                            "later@example.com": ["450 not now, later@example.com"]}
    refused, later, sent = (email(dynos_with, to=f"{name}@example.com") for name in ("never", "later", "ada"))
    dynos_with.wait(refused)
    dynos_with.wait(sent)
    for attempt in range(1, 10):
        wait_for(lambda attempt=attempt: dynos_with.job(later)["attempt"] == attempt)
        dynos_with.wait(later, "scheduled", "failed")
        dynos_with.store.act("run_now", [later])
    worker = dynos_with.processes[0]
    wait_for(lambda: "event=failed job=" + later in worker.text())
    assert "error=Undelivered" in worker.text()
    assert not re.search("@example|Grüße|Hallo", worker.text())


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_it_logs_in_over_starttls_and_over_implicit_tls(redis, make_dynos, serve, mailbox, tls, scheme):
    context, ca = tls
    server = serve(tls=context, implicit_tls=scheme == "smtps", login=("us@er", "p:w/d"))
    dynos = make_dynos(redis.url, SMTP_URL=f"{scheme}://us%40er:p%3Aw%2Fd@localhost:{server.port}",
                       MAIL_FROM="app@example.org", SSL_CERT_FILE=ca)
    dynos.worker()
    assert dynos.wait(email(dynos))["state"] == "succeeded"
    assert mailbox.sessions[0].authenticated


def test_a_wrong_password_is_final(redis, make_dynos, serve, mailbox, tls):
    context, ca = tls
    server = serve(tls=context, login=("user", "right"))
    dynos = make_dynos(redis.url, SMTP_URL=f"smtp://user:wrong@localhost:{server.port}",
                       MAIL_FROM="app@example.org", SSL_CERT_FILE=ca)
    dynos.worker()
    job = dynos.wait(email(dynos))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert "535" in job["error"]["message"]
    assert "wrong" not in str(job)


def test_a_certificate_that_is_not_trusted_sends_nothing(redis, make_dynos, serve, mailbox, tls):
    server = serve(tls=tls[0], login=("user", "pw"))
    dynos = make_dynos(redis.url, SMTP_URL=f"smtp://user:pw@localhost:{server.port}", MAIL_FROM="app@example.org")
    dynos.worker()
    job = dynos.wait(email(dynos), "scheduled")
    assert "CERTIFICATE_VERIFY_FAILED" in job["error"]["message"]
    assert mailbox.messages == []


@pytest.fixture
def dynos_with(redis, make_dynos, serve):
    server = serve()
    dynos = make_dynos(redis.url, SMTP_URL=f"smtp://127.0.0.1:{server.port}", MAIL_FROM="app@example.org")
    dynos.worker()
    return dynos


def test_a_final_refusal_fails_the_job_at_once(dynos_with, mailbox):
    mailbox.data_answers = ["554 no thanks"]
    job = dynos_with.wait(email(dynos_with))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert "554 no thanks" in job["error"]["message"]


def test_a_refusal_for_now_is_retried_later_and_each_attempt_is_visible(dynos_with, mailbox):
    mailbox.data_answers = ["451 busy", "421 come back"]
    id = email(dynos_with)
    for attempt in (1, 2):
        job = dynos_with.wait(id, "scheduled")
        assert job["attempt"] == attempt
        wait_in_seconds = dynos_with.store.now() * 1000 - float(dynos_with.store.get(id)["due"])
        assert wait_in_seconds < 1000  # not before now
        if not dynos_with.store.run_now(id):
            break
        publish_now(dynos_with, id)
        wait_for(lambda before=attempt: dynos_with.job(id)["attempt"] > before)
    job = dynos_with.wait(id)
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 3, None)
    assert [(a["outcome"], (a["error"] or {}).get("type")) for a in job["attempts"]] == [
        ("retried", "Undelivered"), ("retried", "Undelivered"), ("succeeded", None)]
    assert "451 busy" in job["attempts"][0]["error"]["message"]
    assert len(mailbox.messages) == 1


def publish_now(dynos, id):
    from kombu.utils import json

    from app.job import publish

    ((_, kind, message),) = dynos.store.messages([id])
    publish(dynos.celery, id, kind, json.loads(message))


def test_a_server_that_is_away_is_retried(redis, make_dynos):
    dynos = make_dynos(redis.url, SMTP_URL="smtp://127.0.0.1:1", MAIL_FROM="app@example.org")
    dynos.worker()
    job = dynos.wait(email(dynos), "scheduled")
    assert job["error"]["type"] == "Undelivered"
    assert job["max_attempts"] == 9


def test_the_waits_between_attempts_grow_and_are_spread(dynos_with):
    from celery.utils.time import get_exponential_backoff_interval

    task = dynos_with.task("email")
    waits = [[get_exponential_backoff_interval(task.retry_backoff, n, task.retry_backoff_max, True) for _ in range(200)]
             for n in range(9)]
    most = [max(row) for row in waits]
    assert most[0] <= 15 and most[4] > 60 and most[8] <= 3600
    assert len(set(waits[5])) > 20


def test_those_who_were_accepted_get_it_once_while_the_others_are_retried(dynos_with, mailbox):
    mailbox.rcpt_answers = {"later@example.com": ["450 greylisted", "250 OK"], "never@example.com": ["550 unknown"]}

    id = email(dynos_with, to=["ada@example.com", "later@example.com", "never@example.com"])
    dynos_with.wait(id, "scheduled")
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ada@example.com"]]
    mailbox.rcpt_answers.pop("later@example.com")
    dynos_with.store.run_now(id)
    publish_now(dynos_with, id)
    job = dynos_with.wait(id)
    assert job["state"] == "succeeded"
    assert job["result"]["accepted"] == ["ada@example.com", "later@example.com"]
    assert job["result"]["refused"] == ["never@example.com"]
    assert job["result"]["reasons"] == {"never@example.com": "550 unknown"}
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ada@example.com"], ["later@example.com"]]
    assert mailbox.messages[0]["Message-ID"] == mailbox.messages[1]["Message-ID"]


def test_all_refused_for_good_is_a_failure(dynos_with, mailbox):
    mailbox.rcpt_answers = {"never@example.com": ["550 unknown user"]}
    job = dynos_with.wait(email(dynos_with, to="never@example.com"))
    assert (job["state"], job["attempt"]) == ("failed", 1)
    assert "550 unknown user" in job["error"]["message"]


def left_by_a_dead_worker(dynos, cursor):
    """A job in the state that a worker leaves which dies with this cursor saved; returns its id."""
    dynos.store.submit("left", "email", json.dumps({"args": [], "kwargs": {"params": PARAMS}}), queue="default",
                       max_attempts=9)
    run = dynos.store.start("left", "dead-worker", 5, "email", "", 9, "default")
    dynos.store.save("left", run.token, cursor)
    return "left"


def test_a_worker_that_dies_after_the_servers_yes_does_not_send_again(dynos_with, mailbox):
    """The note is made at the server's yes: even a kill before the job is settled sends nothing twice."""
    job = dynos_with.wait(left_by_a_dead_worker(dynos_with, {"accepted": ["ada@example.com"], "refused": {}}))
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert job["result"]["accepted"] == ["ada@example.com"]
    assert mailbox.messages == []


def test_a_worker_that_dies_while_handing_over_says_that_the_mail_may_come_twice(dynos_with, mailbox):
    id = left_by_a_dead_worker(dynos_with, {"accepted": [], "refused": {}, "handing_over": True})
    assert dynos_with.wait(id)["state"] == "succeeded"
    assert mailbox.messages[0]["Message-ID"] == f"<{id}@example.org>"
    assert "may arrive twice" in dynos_with.processes[0].text()


def test_the_line_of_python_in_the_readme_works_in_a_shell(dynos):
    (line,) = re.findall(r"`(email\.apply_async\(.+?\))`", (ROOT / "README.md").read_text())
    line = line.replace('{"to": …}', repr(PARAMS))
    code = f"import web\nfrom app.jobs.email import email\n{line}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dynos.env, check=True, timeout=30)
    assert dynos.store.counts()["scheduled"] == 1


def test_without_smtp_the_mail_is_in_the_outbox_once(dynos):
    from app import outbox

    dynos.worker()
    id = email(dynos, bcc=["bob@example.com"])
    job = dynos.wait(id)
    assert (job["state"], job["result"]["accepted"]) == ("succeeded", ["ada@example.com", "bob@example.com"])
    (mail,) = outbox.mails(dynos.store)
    assert mail.id == id
    assert (mail.message["To"], mail.message["Subject"]) == ("ada@example.com", "Grüße, Ada")
    assert mail.message["X-Envelope-To"] == "ada@example.com, bob@example.com"
    assert mail.message["Bcc"] is None
    assert dynos.store.redis.get(f"jobs:outbox:{id}").isascii()
    assert outbox.find(dynos.store, id).message.as_bytes() == mail.message.as_bytes()


def test_the_outbox_keeps_the_newest_hundred_and_no_giant(dynos):
    from app import mail, outbox

    for n in range(105):
        message = mail.compose(message_id=f"<{n}@x>", sender="a@example.org", to=["b@example.org"], subject=str(n),
                               text="x" * (200_000 if n == 104 else 10), html=None,
                               attachments=[mail.Attachment("a.pdf", "application/pdf", bytes(200_000))])
        outbox.put(dynos.store, str(n), message, ["b@example.org"], ["file-" + "0" * 32])
    kept = outbox.mails(dynos.store)
    assert len(kept) == 100
    assert max(map(len, dynos.store.redis.mget(dynos.store.redis.keys("jobs:outbox:*")))) < 1000
    assert [mail.message["X-Too-Large"] for mail in kept[:2]] == ["yes", None]
    (attached,) = kept[0].message.iter_attachments()
    assert (attached.get_filename(), attached["X-Size"], attached["X-File"]) == ("a.pdf", "200000", "file-" + "0" * 32)
    assert outbox.find(dynos.store, "3") is None


def test_what_is_sent_says_nothing_of_the_outbox(dynos_with, mailbox):
    """Neither who else gets it nor the ids of our files."""
    file = keep(dynos_with, "a.pdf", "application/pdf", b"x")
    dynos_with.wait(email(dynos_with, bcc=["bob@example.com"], attachments=[file]))
    assert "bob" not in str(mailbox.messages[0])
    assert "X-" not in str(mailbox.messages[0]) and file not in str(mailbox.messages[0])


def test_a_job_that_fails_as_it_was_expected_to_is_no_news(redis, make_dynos, sentry):
    pytest.importorskip("app.sentry")
    dsn, bodies = sentry
    dynos = make_dynos(redis.url, SENTRY_DSN=dsn, SMTP_URL="smtp://user:pw@mail.invalid", MAIL_FROM="app@example.org")
    dynos.worker()
    id = dynos.task("email").delay({"to": "a@example.com", "subject": "s", "text": "t"}).id
    dynos.wait(id, "scheduled")
    dynos.wait(dynos.task("boom").delay().id)
    wait_for(lambda: any("a bug in a job" in body for body in bodies))
    assert not any("Undelivered" in body.split("breadcrumbs")[0] for body in bodies)


def keep(dynos, name, type, content):
    return dynos.celery.files.put(name, type, io.BytesIO(content), most_mb=5, limit="RESULT_MAX_MB").id


def test_files_are_attached_with_their_names_and_types(dynos_with, mailbox):
    pdf = keep(dynos_with, "Größe – Q1.pdf", "application/pdf", bytes(range(256)) * 40)
    page = keep(dynos_with, "a.html", "text/html; charset=utf-8", "<p>ñ".encode())
    job = dynos_with.wait(email(dynos_with, attachments=[pdf, page]))
    assert job["state"] == "succeeded"
    (message,) = mailbox.messages
    assert message.get_body(("html",)).get_content().strip() == "<p>Hallo</p>"
    assert [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
            for part in message.iter_attachments()] == [
        ("Größe – Q1.pdf", "application/pdf", bytes(range(256)) * 40), ("a.html", "text/html", "<p>ñ".encode())]


def test_an_attachment_that_is_not_there_is_refused_when_asked_and_final_when_it_has_expired(dynos_with, mailbox):
    app = create_app(Settings.from_env(dynos_with.env))
    answer = app.test_client().post(
        "/api/jobs", json={"kind": "email", "params": PARAMS | {"attachments": ["file-" + "0" * 32]}},
        headers={"Authorization": "Bearer test-token"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "params.attachments")
    app.extensions["store"].redis.close()
    job = dynos_with.wait(email(dynos_with, attachments=["file-" + "0" * 32]))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert "has expired" in job["error"]["message"]
    assert mailbox.messages == []


def test_more_attachments_than_mail_servers_take_and_a_worker_has_memory_for_are_refused(dynos_with, mailbox):
    """Also the same one many times, which takes next to no room while it is kept."""
    app = create_app(Settings.from_env(dynos_with.env))
    file = keep(dynos_with, "a.bin", "application/octet-stream", bytes(4_600_000))
    for count, status in ((3, 202), (4, 422)):
        answer = app.test_client().post(
            "/api/jobs", json={"kind": "email", "delay": 60, "params": PARAMS | {"attachments": [file] * count}},
            headers={"Authorization": "Bearer test-token"})
        assert answer.status_code == status
    assert answer.json["errors"] == [{
        "field": "params.attachments", "message": "attachments may have 18 MB together at most, not 18.4"}]
    app.extensions["store"].redis.close()
    job = dynos_with.wait(email(dynos_with, attachments=[file] * 4))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert "18 MB together at most" in job["error"]["message"]
    assert mailbox.messages == []


def test_a_file_lives_until_the_mail_that_will_carry_it(dynos_with):
    app = create_app(Settings.from_env(dynos_with.env))
    id = keep(dynos_with, "a.pdf", "application/pdf", b"x")
    app.test_client().post(
        "/api/jobs", json={"kind": "email", "delay": 30 * 86400, "params": PARAMS | {"attachments": [id]}},
        headers={"Authorization": "Bearer test-token"})
    assert dynos_with.store.redis.ttl(f"jobs:file:{id}") > 36 * 86400
    app.extensions["store"].redis.close()


def test_a_release_is_told_whether_the_mail_server_lets_it_in(serve, mailbox, tls, monkeypatch):
    from app.jobs.email import check

    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    server = serve(tls=tls[0], login=("user", "right"))

    def look(password, port=server.port):
        return check(Settings.from_env({"APP_ENV": "development", "MAIL_FROM": "app@example.com",
                                        "SMTP_URL": f"smtp://user:{password}@localhost:{port}"}))

    assert look("right") == []
    with pytest.raises(ValueError, match="The mail server said 535 .*: heroku config:set SMTP_URL") as raised:
        look("wrong")
    assert "•" not in Scrubber([]).text(str(raised.value)), "as a release shows it"
    (problem,) = look("right", 1)
    assert "out of reach" in problem.sentence
    assert check(Settings.from_env({"APP_ENV": "development"})) == []
    assert not mailbox.messages
