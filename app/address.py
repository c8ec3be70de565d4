"""Email addresses: what one is, and fields of them for a kind's params."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field


def normalized(value: str) -> str:
    """Raises ValueError with a sentence. Whether the domain takes mail is not asked: that is the mail server's."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is no email address: {error}") from None


Address = Annotated[str, AfterValidator(normalized), Field(json_schema_extra={"format": "email"})]
#: A list, or one address that stands for a list of one.
Addresses = Annotated[
    list[Annotated[str, Field(json_schema_extra={"format": "email"})]],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    AfterValidator(lambda value: [normalized(address) for address in value]), Field(max_length=50)]
