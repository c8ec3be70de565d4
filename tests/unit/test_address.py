"""Where mail may go, however a domain is written."""

import pytest

from app.address import check_domains
from app.config import ConfigError, Settings

REFUSED = "MAIL_ALLOWED_DOMAINS says where it may go"


def allowed(*names):
    return Settings.from_env({"APP_ENV": "development", "MAIL_ALLOWED_DOMAINS": ",".join(names)}).mail_allowed_domains


@pytest.mark.parametrize(("name", "address"), [
    ("example.com", "ada@example.com"), ("Example.COM", "ada@example.com"), ("example.com", "ADA@EXAMPLE.COM"),
    ("example.com.", "ada@example.com"), ("münchen.example", "ada@xn--mnchen-3ya.example"),
    ("xn--mnchen-3ya.example", "ada@MÜNCHEN.example"), ("example.com", "ada@example。com"),
    (".example.com", "ada@example.com"), (".example.com", "ada@mail.eu.example.com"),
    (" example.com ", "ada@example.com"), (".münchen.example", "ada@mail.münchen.example")])
def test_mail_goes_to_a_domain_that_is_named(name, address):
    check_domains([address], allowed("other.example", name))


@pytest.mark.parametrize(("name", "address"), [
    ("example.com", "ada@example.org"), ("example.com", "ada@mail.example.com"), ("example.com", "ada@notexample.com"),
    (".example.com", "ada@notexample.com"), ("mail.example.com", "ada@example.com"),
    ("example.com", "ada@example.com.evil.org"), ("example.com", "example.com@evil.org"),
    ("example.com", "ada@exаmple.com"),  # a Cyrillic letter
])
def test_and_to_no_other(name, address):
    with pytest.raises(ValueError, match=REFUSED):
        check_domains(["ada@other.example", address], allowed("other.example", name))


def test_the_sentence_names_the_domain():
    with pytest.raises(ValueError, match="no mail goes to 'evil.org'"):
        check_domains(["ada@EVIL.org"], allowed("example.com"))


def test_where_none_is_named_mail_goes_anywhere():
    check_domains(["ada@example.com", "bob@evil.org"], allowed())


@pytest.mark.parametrize("address", ['"bob@example.com"@evil.org', "bob@evil.org@example.com", "bob@example.com.",
                                     "bob@evil.org\n@example.com", "bob"])
def test_what_is_no_address_of_ours_is_allowed_nowhere(address):
    with pytest.raises(ValueError):
        check_domains([address], allowed("example.com"))


@pytest.mark.parametrize("name", ["ada@example.com", "*.example.com", "http://example.com", "example com", "com"])
def test_what_is_no_domain_stops_the_process(name):
    with pytest.raises(ConfigError, match="MAIL_ALLOWED_DOMAINS has .* no domain; set it to"):
        allowed("example.com", name)
