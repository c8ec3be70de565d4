"""What the variables of add-ons and of the platform mean. Names: the Dev Center page of each."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

PEM = re.compile(r"-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PRIVATE KEY-----\n?")


class BucketSettings(NamedTuple):
    """An S3-compatible bucket. What is "" is left to the client's own defaults: a role, Amazon's end point."""

    name: str
    key: str = ""
    secret: str = ""
    region: str = ""
    endpoint: str = ""
    prefix: str = ""


class ServiceAccount(NamedTuple):
    """Of Google's, by the names that its key's file has for them."""

    project_id: str
    client_email: str
    private_key_id: str
    private_key: str
    token_uri: str


def service_account(text: str, schemes: tuple[str, ...]) -> ServiceAccount:
    """Of a key's file, as it is or in base64. Raises ValueError."""
    file = json.loads(text if text.startswith("{") else b64decode(text))
    try:
        account = ServiceAccount(*(file[name] for name in ServiceAccount._fields))
        right = (all(isinstance(value, str) and value for value in account) and PEM.fullmatch(account.private_key)
                 and urlsplit(account.token_uri).scheme in schemes and urlsplit(account.token_uri).hostname)
    except (KeyError, TypeError):
        right = False
    if not right:
        raise ValueError("it is none")
    return account


def bucket(environ: Mapping[str, str]) -> BucketSettings | None:
    """The bucket that S3_BUCKET names, or a storage add-on's."""
    get = environ.get
    if get("S3_BUCKET"):
        return BucketSettings(get("S3_BUCKET"), get("AWS_ACCESS_KEY_ID", ""), get("AWS_SECRET_ACCESS_KEY", ""),
                              get("AWS_REGION") or get("AWS_DEFAULT_REGION", ""),
                              get("S3_ENDPOINT_URL") or get("AWS_ENDPOINT_URL_S3", ""))
    if get("BUCKETEER_BUCKET_NAME"):
        return BucketSettings(get("BUCKETEER_BUCKET_NAME"), get("BUCKETEER_AWS_ACCESS_KEY_ID", ""),
                              get("BUCKETEER_AWS_SECRET_ACCESS_KEY", ""), get("BUCKETEER_AWS_REGION", ""))
    if get("CLOUDCUBE_URL"):  # https://cloud-cube.s3.amazonaws.com/name: a folder of a bucket that others share
        url = urlsplit(get("CLOUDCUBE_URL"))
        return BucketSettings((url.hostname or "").partition(".")[0], get("CLOUDCUBE_ACCESS_KEY_ID", ""),
                              get("CLOUDCUBE_SECRET_ACCESS_KEY", ""), get("CLOUDCUBE_REGION", "us-east-1"),
                              prefix=url.path.strip("/") + "/")
    return None


def smtp_url(environ: Mapping[str, str]) -> str:
    """The SMTP URL that a mail add-on's own variables mean, or ""."""
    def url(host, user, password, port="587"):
        return f"smtp://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}"

    get = environ.get
    if get("MAILGUN_SMTP_LOGIN"):
        return url(get("MAILGUN_SMTP_SERVER", "smtp.mailgun.org"), get("MAILGUN_SMTP_LOGIN"),
                   get("MAILGUN_SMTP_PASSWORD", ""), get("MAILGUN_SMTP_PORT", "587"))
    if get("SENDGRID_API_KEY"):
        return url("smtp.sendgrid.net", "apikey", get("SENDGRID_API_KEY"))
    if get("SENDGRID_USERNAME"):
        return url("smtp.sendgrid.net", get("SENDGRID_USERNAME"), get("SENDGRID_PASSWORD", ""))
    if get("POSTMARK_API_TOKEN"):
        return url(get("POSTMARK_SMTP_SERVER", "smtp.postmarkapp.com"), get("POSTMARK_API_TOKEN"),
                   get("POSTMARK_API_TOKEN"))
    if get("CLOUDMAILIN_SMTP_URL"):
        return get("CLOUDMAILIN_SMTP_URL")
    return ""


def release(environ: Mapping[str, str]) -> str:
    """Which release this is: its number, or the beginning of its commit; "" where nothing says."""
    get = environ.get
    commit = get("HEROKU_BUILD_COMMIT") or get("HEROKU_SLUG_COMMIT") or get("SOURCE_VERSION") or ""
    return get("HEROKU_RELEASE_VERSION") or get("RELEASE") or commit[:12]


def review(environ: Mapping[str, str]) -> bool:
    """Whether this is a review app: one that a pull request has made."""
    return bool(environ.get("HEROKU_PR_NUMBER"))
