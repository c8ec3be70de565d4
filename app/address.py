"""Email addresses: what one is, where mail may go, and fields of them for a kind's params."""

from collections.abc import Iterable
from typing import Annotated

from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

#: Of one message, whichever way they are named.
MOST_RECIPIENTS = 50


def normalized(value: str) -> str:
    """Raises ValueError with a sentence. Whether the domain takes mail is not asked: that is the mail server's."""
    return _checked(value).normalized


def domain(address: str) -> str:
    """In ASCII (IDNA) and lower case, so that however it is written it is the same. Raises ValueError."""
    return _checked(address).ascii_domain.lower()


def check_domains(addresses: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Raises ValueError with a sentence when mail to one of them would go elsewhere than MAIL_ALLOWED_DOMAINS says.

    Args:
        allowed: as `domain` gives them; ".example.com" is that one and all below it. None: mail may go anywhere.
    """
    for address in addresses if allowed else ():
        to = domain(address)
        if not any(to == name.removeprefix(".") or (name.startswith(".") and to.endswith(name)) for name in allowed):
            raise ValueError(f"no mail goes to {to!r}: MAIL_ALLOWED_DOMAINS says where it may go")


def check_count(count: int, settings) -> None:
    """Raises ValueError with a sentence when no day has room for so many: MAIL_DAILY_LIMIT, where mail goes out."""
    if settings.smtp_url and 0 < settings.mail_daily_limit < count:
        raise ValueError(f"MAIL_DAILY_LIMIT is {settings.mail_daily_limit}, and the mail has {count} recipients: it "
                         "could never go")


def _checked(value: str) -> ValidatedEmail:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is no email address: {error}") from None


def _may_get_mail(value: list[str], info: ValidationInfo) -> list[str]:
    app = (info.context or {}).get("app")  # only where it is accepted: later, whoever sends has to ask
    if app:
        check_domains(value, app.settings.mail_allowed_domains)
        check_count(len(set(value)), app.settings)
    return value


Text = Annotated[str, Field(json_schema_extra={"format": "email"})]
#: One that nothing is sent to, as of a reply.
Address = Annotated[Text, AfterValidator(normalized)]
#: Recipients. A list, or one address that stands for a list of one.
Addresses = Annotated[
    list[Text],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value,
                    json_schema_input_type=list[Text] | Text),
    AfterValidator(lambda value: [normalized(address) for address in value]), AfterValidator(_may_get_mail),
    Field(max_length=MOST_RECIPIENTS)]
