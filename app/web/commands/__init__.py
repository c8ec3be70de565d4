"""The command line, for `heroku run`: `flask --app web jobs …` and `flask --app web send …`.

Exit codes: 0 done; 1 it could not be, as there is no such job, or the one waited for has failed; 2 the call is wrong;
3 Redis cannot be reached.
"""

from flask import Blueprint

from app.web.commands.jobs import jobs
from app.web.commands.send import send

blueprint = Blueprint("commands", __name__, cli_group=None)
blueprint.cli.add_command(jobs)
blueprint.cli.add_command(send)
