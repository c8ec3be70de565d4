"""Kinds of job: a kind is one file in app/jobs/ with a Pydantic model of its params and a function.

    from app.kinds import Params, kind

    class Greeting(Params):
        name: str

    @kind()
    def greet(job, params: Greeting):
        "Says hello."            # shown on the page
        job.checkpoint(0, 1)     # optional: progress, and a place to stop when cancelled
        return {"hello": params.name}

It then has an API, a form on the page and a test: nothing else names it. It is a Celery task like any
other: `greet.delay({"name": "Ada"})` works.
"""

import importlib
import inspect
import pkgutil
import typing
import unicodedata
import warnings

from celery import Celery, shared_task
from celery.exceptions import DuplicateTaskNameWarning
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

import app.jobs


class WrongParams(Exception):
    """Another program made the job, as our API would not have accepted it. It fails, and is not tried again."""


class Params(BaseModel):
    """Base of a kind's params: a field that it does not know is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @classmethod
    def model_validate(cls, obj, *, context=None, **options):
        """When Celery starts the job, raises WrongParams, which repeats no value: it may be a secret."""
        try:
            return super().model_validate(obj, context=context, **options)
        except ValidationError as error:
            if "celery_task_name" not in (context or {}):
                raise
            raise WrongParams(in_short(error, "params")) from None


def in_short(error: ValidationError, *where: str) -> str:
    """Which fields are wrong and why, without their values."""
    return "; ".join(f"{'.'.join(map(str, (*where, *wrong['loc'])))}: {wrong['msg']}" for wrong in error.errors())


def one_line(value: str) -> str:
    """For a param that becomes a header or a title. Raises ValueError."""
    # Control characters, and what Unicode calls line and paragraph separators.
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise ValueError("must be one line, without control characters")
    return value.strip()


#: The same as a type, which says in its JSON Schema what it takes.
OneLine = typing.Annotated[str, AfterValidator(one_line), Field(
    json_schema_extra={"pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"})]


class Kind(typing.NamedTuple):
    name: str
    task: typing.Any  # the app's Job of that name
    params: type[Params]
    description: str
    result: dict  # JSON Schema of what it returns, empty without an annotation


def kind(**options):
    """Declare a kind. The options are those of a Celery task: `max_retries`, `autoretry_for`, `time_limit`…"""

    never = {name: (*options.pop(name, ()), WrongParams) for name in ("throws", "dont_autoretry_for")}

    def declare(function):
        return shared_task(bind=True, pydantic=True, **{"name": function.__name__} | options | never)(function)

    return declare


def load(celery: Celery) -> None:
    """Import every file of app/jobs/ and register its tasks. Two of one name stop the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DuplicateTaskNameWarning)
        for module in pkgutil.iter_modules(app.jobs.__path__):
            importlib.import_module(f"app.jobs.{module.name}")
        celery.finalize()


def kinds(celery: Celery) -> dict[str, Kind]:
    """Every kind by its name, in alphabetical order."""
    found = {}
    for name, task in sorted(celery.tasks.items()):
        hints = typing.get_type_hints(task.run)
        model = hints.get("params")
        if inspect.isclass(model) and issubclass(model, Params):
            returned = typing.get_type_hints(task.run, include_extras=True).get("return")
            found[name] = Kind(name, task, model, inspect.getdoc(task.run) or "", _schema(returned))
    return found


def _schema(annotation) -> dict:
    try:
        return TypeAdapter(annotation).json_schema(by_alias=False, mode="serialization") if annotation else {}
    except PydanticUserError:  # of a type that pydantic cannot describe: nobody knows what of it is private
        return {"private": True}
