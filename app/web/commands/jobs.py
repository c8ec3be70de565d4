"""`flask --app web jobs …`: what the page does with jobs, on the command line."""

import json
from collections.abc import Callable

import click
from werkzeug.exceptions import NotFound

from app import removal, states
from app.job import wake
from app.web.api import celery, find, store
from app.web.commands.output import Group, as_json, chunks, ended, follow, moment, plain, shown, table

#: Who asked, in the record.
BY = "command line"
SECONDS_A_DAY = 86400


@click.group(cls=Group)
def jobs():
    """Looks at jobs, and acts on them."""


def filters(among: tuple[str, ...] = states.ALL) -> Callable:
    """The options that say which jobs, in these states, as the list of the page has them."""
    def add(command):
        for option in (click.option("--error", default="", help="Key of a group of failures, as in the page's URL."),
                       click.option("--lane", default="", help="In this lane."),
                       click.option("--q", "text", default="", help="In the id, kind, params or error."),
                       click.option("--kind", help="Of this kind."),
                       click.option("--state", type=click.Choice(among), help="In this state.")):
            command = option(command)
        return command

    return add


yes = click.option("--yes", is_flag=True, help="Do not ask first.")
json_option = click.option("--json", "json_", is_flag=True, help="As the API has it.")


@jobs.command("list")
@filters()
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@json_option
def list_(state, limit, json_, **where):
    """Lists jobs, newest first; scheduled ones by their time. Times are in UTC."""
    found, cursor, more = [], None, True
    while more and len(found) < limit:
        page = store().page(state, limit=limit - len(found), cursor=cursor, **where)
        found, cursor, more = found + [shown(stored) for stored in page.records], page.next, page.next is not None
    counts = store().counts()
    if json_:
        return as_json({"jobs": found, "counts": counts, "next": cursor})
    table([["ID", "KIND", "STATE", "TIME", "TRY"]] + [row(job) for job in found])
    click.echo(f"{len(found):,} shown{', there are more' if more else ''}. All jobs: "
               + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count))


def row(job: dict) -> list[str]:
    waits = job["state"] == states.SCHEDULED
    time = job["due_at"] if waits else job["finished_at"] or job["started_at"] or job["due_at"]
    error, progress = job["error"] or {}, job["progress"] or {}
    word = f"{error['type']}: {error['message']}" if error else progress.get("message", "")
    if not word and progress.get("total"):
        word = f"{progress['done'] / progress['total']:.0%}"
    return [plain(cell) for cell in (job["id"], job["kind"], job["state"], moment(time, "%m-%d %H:%M"),
                                     f"{job['attempt']}/{job['max_attempts'] or '∞'} {word}")]


@jobs.command()
@click.argument("id")
@json_option
def show(id, json_):
    """Shows one job, with its attempts and its log. Secrets are masked."""
    job, log = shown(existing(id)), store().logs(id)
    if json_:
        return as_json(job | {"log": log})
    for name, value in job.items():
        if value not in (None, "", [], {}, False) and name not in ("attempts", "acts"):
            text = moment(value) if name.endswith("_at") else value if isinstance(value, str) else json.dumps(
                value, ensure_ascii=False)
            click.echo(f"{name + ':':17}{plain(text)}")
    for entry in job["attempts"]:
        error = entry["error"] or {}
        click.echo(plain(f"attempt {entry['attempt']}: {moment(entry['ended_at'])} {entry['outcome']} "
                         f"by {entry['worker']} {error.get('type', '')} {error.get('message', '')}"))
    for act in job["acts"]:
        click.echo(plain(f"{act['act']}: {moment(act['at'])} by {act['by']}"))
    for line in log:
        click.echo(plain(f"| {line['level']} {line['message']}"))


@jobs.command()
@click.argument("id")
@click.option("--wait", is_flag=True, help="Stay until it has ended; exit code 1 if it failed.")
def run(id, wait):
    """Runs a scheduled job now."""
    if store().run_now(existing(id)["id"], BY):
        wake(celery(), [id])
    state = existing(id)["state"]
    if state in states.FINISHED and not wait:
        raise click.ClickException(f"The job is {state}; to run it once more: jobs retry {id}")
    return ended(follow(id)) if wait else click.echo(f"{id}: {state}")


def acts(name: str, possible: tuple[str, ...], default: tuple[str, ...], help: str, words: str) -> None:
    """Makes a command of an action on jobs in these states; on all of them in those of `default`."""
    def command(ids, all_, yes, state, **where):
        if bool(ids) == all_:
            raise click.UsageError("Say which jobs: their ids, or --all with --state, --kind, --q, --lane or --error.")
        if all_:
            ids = matching((state,) if state else default, where)
        else:
            for id in ids:
                existing(id)
        if all_ and not sure(name, ids, yes):
            return
        moved = 0
        with chunks(name, ids) as pieces:
            moved = sum(len(store().act(name, some, by=BY)) for some in pieces)
        told(moved, len(ids), words, one_by_one=not all_)

    command.__doc__ = f"{help}, by their ids, or --all that match."
    everything = click.option("--all", "all_", is_flag=True, help="That match, after the number was said.")
    for option in (yes, everything, filters(possible), click.argument("ids", nargs=-1)):
        command = option(command)
    jobs.command(name)(command)


UNFINISHED = (states.SCHEDULED, states.QUEUED, states.RUNNING)
acts("cancel", UNFINISHED, UNFINISHED, "Cancels jobs", "cancelled, or asked to stop")
# Those that were cancelled were so on purpose: only when they are asked for.
acts("retry", (states.FAILED, states.CANCELLED), (states.FAILED,), "Tries jobs again", "tried again")


@jobs.command()
@filters(states.FINISHED)
@click.option("--days", type=click.FloatRange(0), default=0, help="Only those that ended longer ago.")
@yes
def purge(state, days, yes, **where):
    """Deletes jobs that have ended, with their logs and files."""
    before = (store().now() - days * SECONDS_A_DAY) * 1000
    ids = matching((state,) if state else states.FINISHED, where, before)
    if sure("delete", ids, yes):
        with chunks("purge", ids) as pieces:
            gone = sum(len(removal.delete(celery(), some)) for some in pieces)
        told(gone, len(ids), "deleted")


def existing(id: str) -> dict:
    try:
        return find(id)
    except NotFound as error:
        raise click.ClickException(f"{id}: {error.description}") from None


def matching(among: tuple[str, ...], where: dict, before: float | None = None) -> list[str]:
    return [id for state in among for id in store().ids(state, **where, before=before)]


def sure(what: str, ids: list[str], yes: bool) -> bool:
    if not ids:
        click.echo("No job matches.")
    elif not yes:
        click.confirm(f"{what.capitalize()} {len(ids):,} jobs?", abort=True, err=True)
    return bool(ids)


def told(moved: int, of: int, words: str, one_by_one: bool = False) -> None:
    """Raises ClickException when jobs that were named are in no state for it."""
    click.echo(f"{moved:,} {words}.")
    if moved < of and one_by_one:
        raise click.ClickException(f"{of - moved:,} could not be: flask --app web jobs show ID says why.")
