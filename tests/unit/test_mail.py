import email
import smtplib
from email.policy import default

import pytest

from app import mail


def message(**parts):
    return mail.compose(**({"message_id": "<1@x>", "sender": "a@example.org", "to": ["b@example.org"], "subject": "s",
                            "text": "t", "html": None} | parts))


def test_text_and_html_become_two_forms_of_one_message():
    assert message().get_content_type() == "text/plain"
    assert message(text=None, html="<b>").get_content_type() == "text/html"
    both = message(html="<b>")
    assert [part.get_content_type() for part in both.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("parts", [{"subject": "a\nBcc: x@example.org"}, {"to": ["a@x\r\nBcc: y@x"]},
                                   {"reply_to": "a\nb"}])
def test_a_line_break_in_a_header_is_refused_here_too(parts):
    with pytest.raises(ValueError):
        message(**parts)


@pytest.mark.parametrize("type", ["text/csv", "application/pdf", "message/rfc822", "Message/External-Body",
                                  "multipart/mixed", "multipart/form-data; boundary=x"])
def test_an_attachment_of_any_type_arrives_as_it_is(type):
    content = b"Subject: x\r\n\r\n--x\r\n.\xff\r\n"
    sent = message(attachments=[mail.Attachment("a.eml", type, content)]).as_bytes()
    (part,) = email.message_from_bytes(sent, policy=default).iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True), part.defects) == ("a.eml", content, [])


def test_the_password_is_not_sent_in_the_clear_to_another_host(monkeypatch):
    class Plain:
        def __init__(self, *_, **__): ...
        def __enter__(self): return self
        def __exit__(self, *_): ...
        def ehlo(self): ...
        def has_extn(self, _): return False
        def login(self, *_): raise AssertionError("it was sent")

    monkeypatch.setattr(smtplib, "SMTP", Plain)
    with pytest.raises(mail.Refused, match="STARTTLS"), mail.session("smtp://u:p@mail.example.com"):
        pass


@pytest.mark.parametrize("code, kind", [(421, mail.Undelivered), (450, mail.Undelivered), (550, mail.Refused)])
def test_the_first_digit_of_the_answer_decides(code, kind):
    assert isinstance(mail._by_code(code, b"text"), kind)
