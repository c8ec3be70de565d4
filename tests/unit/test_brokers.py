"""The table of brokers, and its page."""

from pathlib import Path

import pytest

from app import brokers
from app.config import ConfigError, Settings
from app.queue import configuration
from app.scrubber import Scrubber
from tests.brokers.checks import CHECKS
from tests.brokers.servers import BROKERS

KEY = "Eby8vdM02xNOcq/lqUwJPL+mEtlCDXJ1OUzFT50uSRZ6=="
SAS = "sv=2024-11-04&ss=q&srt=sco&sp=rwdlacup&sig=ab%2Bcd%2Fefg%3D&se=2030-01-01"
ACCOUNT = "https://account.queue.core.windows.net"
DOCS = (Path(__file__).parent.parent.parent / "docs" / "brokers.md").read_text()


def settings(url):
    return Settings.from_env({"APP_ENV": "development", "BROKER_URL": url})


@pytest.mark.parametrize("scheme", brokers.BROKERS)
def test_each_is_on_the_page_with_its_package(scheme):
    (row,) = (line for line in DOCS.splitlines() if f"`{scheme}://" in line and line.startswith("| "))
    assert brokers.BROKERS[scheme].package in row


def test_the_page_says_of_each_that_can_be_tried_what_holds():
    rows = DOCS.partition("<!-- holds -->\n")[2].partition("<!-- end -->")[0].splitlines()
    head, _, *held = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)
    assert head == ["", "Redis", *BROKERS]
    assert [row[0] for row in held] == list(CHECKS)
    assert {len(row) for row in held} == {len(head)}


@pytest.mark.parametrize("url", ["no url", "amq://h", "http://h"])
def test_what_celery_does_not_speak_is_refused_with_one_line(url):
    with pytest.raises(ConfigError, match=r"\ABROKER_URL is no broker's URL; set it to amqps://host, or .+\Z"):
        settings(url)


def test_one_whose_client_is_not_installed_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(brokers, "BROKERS", {"amqp": brokers.Broker(package="celery[speech]", client="no.speech")})
    with pytest.raises(ConfigError, match=r"\ABROKER_URL names a broker by amqp://, but its client is not installed; "
                                          r"add celery\[speech\] to requirements.in and run bin/lock\Z"):
        settings("amqp://h")


@pytest.fixture
def azure(monkeypatch):
    """Whether or not its clients are installed."""
    monkeypatch.setattr(brokers, "_installed", lambda module: True)


@pytest.mark.parametrize("url", [
    "azurestoragequeues://", f"azurestoragequeues://{KEY}", f"azurestoragequeues://{KEY}@account",
    f"azurestoragequeues://@{ACCOUNT}", f"azurestoragequeues://{KEY.replace('/', '%2F')}@{ACCOUNT}",
    f"azurestoragequeues://account:{KEY}@{ACCOUNT}", f"azurestoragequeues://sv=2024-11-04@{ACCOUNT}",
    f"azurestoragequeues://{KEY}@{ACCOUNT}/queue",
    "azureservicebus://", "azureservicebus://namespace", f"azureservicebus://{KEY}@namespace",
    f"azureservicebus://Root:{KEY}", f"azureservicebus://Root:{KEY}@", "azureservicebus://Root:@namespace",
    f"azureservicebus://Root:{KEY}@https://namespace.servicebus.windows.net",
    f"azureservicebus://Endpoint=sb://namespace;SharedAccessKeyName=Root;SharedAccessKey={KEY}"])
def test_a_url_of_azure_that_its_client_would_not_understand_is_refused_with_its_form_and_not_repeated(azure, url):
    with pytest.raises(ConfigError) as refused:
        settings(url)
    assert str(refused.value) == f"BROKER_URL is no such URL; set it to {brokers.broker_of(url).such_as}"


@pytest.mark.parametrize(("url", "secrets"), [
    (f"azurestoragequeues://{KEY}@{ACCOUNT}", [KEY]),
    (f"azurestoragequeues://{KEY}@http://127.0.0.1:10001/devstoreaccount1", [KEY]),
    (f"azurestoragequeues://?{SAS}@{ACCOUNT}/", [SAS, "ab%2Bcd%2Fefg%3D", "ab+cd/efg="]),
    (f"azurestoragequeues://DefaultAzureCredential@{ACCOUNT}", []),
    (f"azureservicebus://Root:{KEY}@namespace", [KEY]),
    (f"azureservicebus://Root:{KEY}@namespace.servicebus.windows.net", [KEY]),
    ("azureservicebus://ManagedIdentityCredential@namespace", [])])
def test_what_is_secret_in_a_url_of_azure_is_masked(azure, url, secrets):
    scrubber = Scrubber.of(settings(url))
    for text in (url, f"GET {ACCOUNT}/default?{SAS}" if "sig=" in url else url):
        clean = scrubber.text(text)
        assert all(secret not in clean for secret in secrets)
        assert ("•••" in clean) == bool(secrets)
    assert [scrubber.text(f"<{secret}>") for secret in secrets] == ["<•••>"] * len(secrets)


def test_of_a_broker_that_is_not_in_the_table_celery_is_told_nothing():
    told = configuration(settings("memory://"))
    assert "broker_transport_options" not in told
    assert told["task_acks_late"]
    assert not brokers.broker_of("memory://").counts
