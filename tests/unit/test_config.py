import pytest

from app import addons
from app.config import ConfigError, Settings

RIGHT = {"REDIS_URL": "redis://h/0", "API_TOKEN": "t" * 32, "SECRET_KEY": "s" * 32, "DYNO_RAM": "512"}


def settings(**env):
    return Settings.from_env(RIGHT | env)


def problems(**env):
    with pytest.raises(ConfigError) as error:
        Settings.from_env(env)
    return str(error.value).splitlines()


def test_production_refuses_to_start_without_redis_and_secrets_and_says_how_to_set_each():
    lines = problems()
    assert [line.split()[0] for line in lines] == ["REDIS_URL", "API_TOKEN", "SECRET_KEY"]
    assert "heroku addons:create" in lines[0]
    assert "secrets.token_hex" in lines[1]


def test_only_app_env_development_relaxes_that():
    assert Settings.from_env({"APP_ENV": "development"}).redis_url == "redis://127.0.0.1:6379/0"
    assert Settings.from_env({"APP_ENV": "development"}).api_tokens == ()
    assert len(problems(APP_ENV="staging")) == 3


@pytest.mark.parametrize("name, value", [
    ("REDIS_URL", "localhost:6379"), ("REDIS_URL", "http://h"), ("REDIS_URL", "redis://"),
    ("REDIS_URL", "redis://h:port"), ("REDIS_URL", "redis://h:99999"), ("REDIS_URL", "redis://[h"),
    ("REDIS_URL", "redis://h/notanumber"), ("BROKER_URL", "garbage"), ("BROKER_URL", "http://h"),
    ("CLOUDAMQP_URL", "h"), ("SENTRY_DSN", "garbage"), ("SENTRY_DSN", "https://sentry.io/1"),
    ("SENTRY_DSN", "https://key@sentry.io"), ("SENTRY_DSN", "https://key@sentry.io/one"),
    ("LEASE_SECONDS", "inf"), ("RETENTION_DAYS", "inf"),
    ("WORKER_CONCURRENCY", "1.5"), ("WORKER_CONCURRENCY", "inf"), ("MAIL_FROM", "not an address"),
    ("MAIL_FROM", "App <app@example.org>"), ("SMTP_URL", "mail.example.com"),
    ("LEASE_SECONDS", "4"), ("LEASE_SECONDS", "nan"), ("SHUTDOWN_SECONDS", "30"),
    ("SHUTDOWN_SECONDS", "-1"), ("RETENTION_DAYS", "0"), ("WORKER_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "many"),
    ("LOG_LEVEL", "LOUD"), ("PORT", "70000"), ("REMOTE_CONTROL", "yes"),
    ("ALLOWED_HOSTS", "https://app.example.com"), ("ALLOWED_HOSTS", "*.example.com"), ("ALLOWED_HOSTS", "a.b c.d"),
    ("ALLOWED_HOSTS", "example.com,example.com/path"), ("ALLOWED_HOSTS", "[::1]"), ("ALLOWED_HOSTS", "a_b.example.com"),
    ("WEBHOOK_PRIVATE_HOSTS", "10.0.0.0/8"), ("WEBHOOK_PRIVATE_HOSTS", "https://10.0.0.1"),
    ("WEBHOOK_PRIVATE_HOSTS", "10.0.0.1:8080"), ("WEBHOOK_PRIVATE_HOSTS", ".example.com"),
    ("WEBHOOK_PRIVATE_HOSTS", "[fd12::1]"),
    ("AUTOSCALE_MAX", "-1"), ("AUTOSCALE_MAX", "1.5"), ("HEROKU_API_URL", "http://api.example.org"),
    ("JUDOSCALE_URL", "adapter"), ("HEROKU_API_TOKEN", "HRKU-…"), ("HEROKU_API_TOKEN", "HRKU-1\nHRKU-2"),
    ("SENTRY_TRACES_SAMPLE_RATE", "2"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
])
def test_a_malformed_variable_is_one_line_that_names_it(name, value):
    extra = {"MAIL_FROM": "a@example.org"}
    (line,) = problems(**(RIGHT | extra | {name: value}))
    assert line.startswith(name + " ")
    assert "set it to" in line


def test_a_url_with_a_password_is_not_repeated_in_the_error():
    (line,) = problems(**(RIGHT | {"REDIS_URL": "http://:hunter2@h"}))
    assert "hunter2" not in line


def test_the_documented_defaults():
    s = settings()
    assert (s.lease_seconds, s.shutdown_seconds, s.retention_days, s.log_level) == (60, 20, 7, "INFO")
    assert (s.broker_url, s.smtp_url, s.remote_control, s.development) == ("redis://h/0", "", False, False)


@pytest.mark.parametrize("megabytes, processes", [("512", 2), ("1024", 4), ("2560", 10), ("100", 1)])
def test_concurrency_comes_from_memory_and_never_from_cores(megabytes, processes):
    s = settings(DYNO_RAM=megabytes)
    assert (s.worker_concurrency, s.web_concurrency) == (processes, processes)
    assert settings(DYNO_RAM=megabytes, WORKER_CONCURRENCY="3").worker_concurrency == 3


def test_a_machine_that_names_no_limit_does_not_get_a_hundred_processes():
    s = settings(DYNO_RAM="64000")
    assert s.worker_concurrency == s.web_concurrency == 16


def test_the_broker_is_redis_unless_another_is_named():
    assert settings(CLOUDAMQP_URL="amqps://c").broker_url == "amqps://c"
    assert settings(CLOUDAMQP_URL="amqps://c", BROKER_URL="memory://").broker_url == "memory://"


def test_smtp_needs_a_sender():
    (line,) = problems(**(RIGHT | {"SMTP_URL": "smtp://h"}))
    assert line.startswith("MAIL_FROM is missing")


@pytest.mark.parametrize("env, url", [
    ({"MAILGUN_SMTP_LOGIN": "postmaster@x.mailgun.org", "MAILGUN_SMTP_PASSWORD": "p/w",
      "MAILGUN_SMTP_SERVER": "smtp.eu.mailgun.org", "MAILGUN_SMTP_PORT": "2525"},
     "smtp://postmaster%40x.mailgun.org:p%2Fw@smtp.eu.mailgun.org:2525"),
    ({"SENDGRID_API_KEY": "SG.x"}, "smtp://apikey:SG.x@smtp.sendgrid.net:587"),
    ({"SENDGRID_USERNAME": "u", "SENDGRID_PASSWORD": "p"}, "smtp://u:p@smtp.sendgrid.net:587"),
    ({"POSTMARK_API_TOKEN": "t"}, "smtp://t:t@smtp.postmarkapp.com:587"),
    ({"CLOUDMAILIN_SMTP_URL": "smtp://u:p@h:587"}, "smtp://u:p@h:587"),
    ({}, ""),
])
def test_the_variables_of_mail_addons_are_understood(env, url):
    assert addons.smtp_url(env) == url
    assert settings(MAIL_FROM="a@example.org", **env).smtp_url == url


@pytest.mark.parametrize("env, bucket", [
    ({"S3_BUCKET": "b", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1",
      "S3_ENDPOINT_URL": "https://minio:9000"}, ("b", "k", "s", "eu-west-1", "https://minio:9000", "")),
    ({"S3_BUCKET": "b"}, ("b", "", "", "", "", "")),
    ({"BUCKETEER_BUCKET_NAME": "bucketeer-1", "BUCKETEER_AWS_ACCESS_KEY_ID": "k",
      "BUCKETEER_AWS_SECRET_ACCESS_KEY": "s", "BUCKETEER_AWS_REGION": "us-east-1"},
     ("bucketeer-1", "k", "s", "us-east-1", "", "")),
    ({"CLOUDCUBE_URL": "https://cloud-cube-eu.s3.amazonaws.com/abc", "CLOUDCUBE_ACCESS_KEY_ID": "k",
      "CLOUDCUBE_SECRET_ACCESS_KEY": "s"}, ("cloud-cube-eu", "k", "s", "us-east-1", "", "abc/")),
    ({"AWS_ACCESS_KEY_ID": "k"}, None),
])
def test_the_variables_of_storage_addons_are_understood(env, bucket):
    assert settings(**env).bucket == bucket


def test_a_bucket_without_its_client_says_what_to_install(monkeypatch):
    monkeypatch.setattr("app.config.find_spec", lambda name: None)
    (line,) = problems(**(RIGHT | {"S3_BUCKET": "b"}))
    assert "add boto3 to requirements.in" in line


def test_the_log_is_logfmt_unless_it_shall_be_json():
    assert not settings().log_json and not settings(LOG_FORMAT="logfmt").log_json
    assert settings(LOG_FORMAT="json").log_json
    (line,) = problems(**(RIGHT | {"LOG_FORMAT": "xml"}))
    assert "LOG_FORMAT is 'xml'; set it to one of LOGFMT, JSON" in line


def test_smtp_url_goes_before_an_addon():
    s = settings(SMTP_URL="smtp://mine", SENDGRID_API_KEY="k", MAIL_FROM="a@example.org")
    assert s.smtp_url == "smtp://mine"


def test_a_dotenv_file_is_read_in_development_only_and_does_not_override(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("API_TOKEN=from-file\nSECRET_KEY=from-file\nREDIS_URL=redis://file/0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_TOKEN", "from-environment")
    monkeypatch.setenv("APP_ENV", "development")
    s = Settings.from_env()
    assert (s.api_tokens, s.secret_key, s.redis_url) == (("from-environment",), "from-file", "redis://file/0")
    monkeypatch.delenv("APP_ENV")
    with pytest.raises(ConfigError):
        Settings.from_env()


TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("name, value, wrong", [
    ("API_TOKEN", "hunter2", "shorter than 32"), ("SECRET_KEY", "hunter2", "shorter than 32"),
    ("READ_TOKEN", "hunter2", "shorter than 32"), ("WEBHOOK_SECRET", "hunter2", "shorter than 32"),
    ("API_TOKEN", f"{TOKEN},hunter2", "shorter than 32"), ("API_TOKEN", " , ", "is missing"),
    ("API_TOKEN", "change-me-change-me-change-me-change-me", "everybody knows"),
    ("SECRET_KEY", "an-example-secret-of-a-decent-length", "everybody knows"),
    ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "everybody knows"),
    ("WEBHOOK_SECRET", "(no-base64-of-32-characters-here)", "none of Standard Webhooks"),
])
def test_production_refuses_a_secret_that_could_be_guessed_and_does_not_repeat_it(name, value, wrong):
    (line,) = problems(**(RIGHT | {name: value}))
    assert line.startswith(f"{name} ")
    assert wrong in line
    assert "secrets.token_hex" in line
    assert not {part for part in value.split(",") if part.strip() and part in line}


@pytest.mark.parametrize("name", ["READ_TOKEN", "SECRET_KEY", "WEBHOOK_SECRET"])
def test_a_token_that_does_everything_is_nothing_else(name):
    (line,) = problems(**(RIGHT | {"API_TOKEN": f"{'a' * 32},{TOKEN}", name: TOKEN}))
    assert line.startswith(f"{name} has the value of a token")
    assert TOKEN not in line


@pytest.mark.parametrize("name", ["SECRET_KEY", "WEBHOOK_SECRET"])
def test_a_token_that_looks_is_nothing_else(name):
    (line,) = problems(**(RIGHT | {"READ_TOKEN": TOKEN, name: TOKEN}))
    assert line.startswith(f"{name} has the value of a token")


def test_hosts_are_names_and_addresses():
    s = settings(ALLOWED_HOSTS="App.example.com, .example.org,localhost:8000,127.0.0.1",
                 WEBHOOK_PRIVATE_HOSTS="localhost,my_service.local,10.1.2.3,fd12::1,::1")
    assert s.allowed_hosts == ("app.example.com", ".example.org", "localhost:8000", "127.0.0.1")
    assert s.webhook_private_hosts == ("localhost", "my_service.local", "10.1.2.3", "fd12::1", "::1")


def test_there_may_be_several_tokens_while_one_takes_the_place_of_another():
    s = settings(API_TOKEN=f"{TOKEN}, {'b' * 32}", READ_TOKEN="c" * 32)
    assert (s.api_tokens, s.read_tokens) == ((TOKEN, "b" * 32), ("c" * 32,))


def test_what_the_button_makes_is_a_webhook_secret():
    assert settings(WEBHOOK_SECRET=TOKEN * 2).webhook_secrets == (TOKEN * 2,)
    assert settings(WEBHOOK_SECRET="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").webhook_secrets


def test_a_review_app_has_the_outbox_unless_it_is_said_where_its_mail_may_go():
    mail = {"SMTP_URL": "smtp://h", "MAIL_FROM": "a@example.org", "HEROKU_PR_NUMBER": "7"}
    assert settings(**mail).smtp_url == ""
    s = settings(**mail, MAIL_ALLOWED_DOMAINS="Example.org, team.example")
    assert (s.smtp_url, s.mail_allowed_domains) == ("smtp://h", ("example.org", "team.example"))


def test_the_least_workers_are_no_more_than_the_most():
    (line,) = problems(**(RIGHT | {"AUTOSCALE_MIN": "4", "AUTOSCALE_MAX": "3"}))
    assert line.startswith("AUTOSCALE_MIN ")
