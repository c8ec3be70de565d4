"""`flask --app web send <kind> …`: a job of each kind, its params as options made of its model."""

import json
import secrets
import sys

import click
from flask import current_app
from flask.cli import ScriptInfo, with_appcontext
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from app.accept import Invalid, NewJob, TooMany, accept
from app.kinds import Kind
from app.web import forms
from app.web.api import find
from app.web.commands.output import Group, as_json, ended, follow, moment, shown
from app.web.given import parsed
from app.web.problems import BadInput

OWN = {
    "params": click.Option(["--params"], help="One JSON object, or - to read it; the options below go before it."),
    "delay": click.Option(["--delay"], type=float, help="Seconds from now."),
    "run_at": click.Option(["--run-at"], help="A time with its zone, 2027-01-31T09:00:00+01:00."),
    "lane": click.Option(["--lane"], help="Of jobs with the same lane one runs at a time, in order."),
    "notify": click.Option(["--notify"], help="An https:// address that is told when it has ended."),
    "queue": click.Option(["--queue"], help="Whose workers it is for, if not as its kind says."),
    "priority": click.Option(["--priority"], type=click.IntRange(0, 9), help="9 is the most urgent in its queue."),
    "wait": click.Option(["--wait"], is_flag=True, help="Stay until it has ended; exit code 1 if it failed."),
    "json": click.Option(["--json"], is_flag=True, help="Print the job as the API has it."),
}


class Kinds(Group):
    """A command for each kind of job."""

    def list_commands(self, ctx):
        return list(kinds(ctx))

    def get_command(self, ctx, name):
        kind = kinds(ctx).get(name)
        return kind and command(kind)


def kinds(ctx: click.Context) -> dict[str, Kind]:
    return ctx.ensure_object(ScriptInfo).load_app().extensions["kinds"]


@click.group(cls=Kinds)
def send():
    """Sends a job: now, or when --delay or --run-at says."""


def command(kind: Kind) -> click.Command:
    fields = {f"param_{n}": field for n, field in enumerate(forms.fields(kind.params.model_json_schema()))}

    @with_appcontext
    def run(params, delay, run_at, lane, notify, queue, priority, wait, json, **given):
        of_options = meant([(fields[name], value) for name, value in given.items() if value is not None])
        asked = {"kind": kind.name, "params": whole(params) | of_options, "delay": delay, "run_at": run_at,
                 "lane": lane, "notify": notify, "queue": queue, "priority": priority}
        id = accepted(asked)
        job = follow(id) if wait else find(id)
        if json:
            as_json(shown(find(id)))
        elif not wait:
            click.echo(f"{id}: {job['state']}, due {moment(shown(job)['due_at'])} UTC")
        if wait:
            ended(job)

    return click.Command(kind.name, callback=run, help=kind.description,
                         params=[option(name, field) for name, field in fields.items()] + list(OWN.values()))


def option(name: str, field: forms.Field) -> click.Option:
    flag = ("--params-" if field.name in OWN else "--") + field.name.replace("_", "-")
    words = f"{field.label}. {field.help}".strip() + (" (needed)" if field.required else "")
    if field.type == "checkbox":
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=words)
    kind = click.Choice(list(map(str, field.choices))) if field.choices else None
    return click.Option([flag, name], type=kind, help=words, metavar=None if kind else field.type.upper())


def meant(given: list[tuple[forms.Field, object]]) -> dict:
    """The params that options mean, as the page's form does; a flag that was not given is left to its default."""
    form = MultiDict((field.control, str(value)) for field, value in given if value is not False)
    return forms.params([field for field, _ in given], form)


def whole(text: str | None) -> dict:
    if text is None:
        return {}
    try:
        value = parsed(sys.stdin.read() if text == "-" else text)
    except (BadRequest, BadInput):
        value = None
    if not isinstance(value, dict):
        raise click.UsageError("--params is to be a JSON object.")
    return value


def accepted(asked: dict) -> str:
    try:
        job = NewJob.model_validate_json(json.dumps(asked), strict=True)
        # With a key there is a job to look at, also of a kind that does without.
        return accept(current_app.extensions["kinds"], job, idempotency_key=secrets.token_hex(16)).id
    except ValidationError as error:
        raise click.UsageError(BadInput.of(error).detail) from None
    except Invalid as error:
        raise click.UsageError(BadInput.of(error.error, error.where).detail) from None
    except TooMany as error:
        raise click.ClickException(str(error)) from None
