"""Calls the API in every way that its description allows, and in many that it does not."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from tests.dynos import ROOT, Dynos, Server
from tests.fuzz_hooks import FILE, JOB

ENV = {"RATE_LIMIT": "0", "WEBHOOK_SECRET": "whsec_" + "MDEy" * 8, "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
       "FIREBASE_SERVICE_ACCOUNT": json.dumps({
           "project_id": "p", "client_email": "a@b", "private_key_id": "k", "token_uri": "http://127.0.0.1:9/",
           "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})}


def fuzz(dynos: Dynos, *options: str) -> subprocess.CompletedProcess:
    """Run Schemathesis with all its checks against a web dyno that has ENV; its report is on stdout."""
    dynos.celery.files.put("a.csv", "text/csv", BytesIO(b"a\n1\n"), most_mb=1, limit="", replaces=FILE)
    dynos.task("sample").apply_async(({"label": "told of"},), task_id=JOB, countdown=3600)
    schemathesis = Path(sys.executable).parent / "schemathesis"
    return subprocess.run(
        [schemathesis, "run", f"{dynos.base}/openapi.json", "--checks", "all",
         "--suppress-health-check", "all",  # they are about how well it thinks up requests, not about the API
         "--header", f"Authorization: Bearer {dynos.env['API_TOKEN']}", *options],
        capture_output=True, text=True, cwd=dynos.tmp,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz_hooks", "PYTHONPATH": str(ROOT)})


def jobs_in_each_state(dynos: Dynos) -> None:
    """With a result, a file, an error, logs: what the calls that only read have to tell of."""
    sample, make_file = dynos.task("sample"), dynos.task("make_file")
    ended = [sample.delay({"label": "done", "seconds": 0}).id, make_file.delay("a.txt", "text/plain", "x").id,
             sample.delay({"label": "never", "seconds": 0, "fail": "always"}).id]
    dynos.store.cancel(sample.apply_async(({"label": "withdrawn"},), countdown=3600).id, "api")
    sample.delay({"label": "long", "seconds": 3600, "steps": 1000})
    for id in ended:
        dynos.wait(id)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="cases of each call, at most (default: 200)")
    parser.add_argument("--seed", help="repeat a run")
    arguments = parser.parse_args()
    server = Server()
    with tempfile.TemporaryDirectory() as tmp:
        dynos = Dynos(server.url, Path(tmp), **ENV)
        try:
            dynos.web()
            dynos.worker()
            jobs_in_each_state(dynos)
            answer = fuzz(dynos, "--max-examples", str(arguments.examples),
                          *(("--seed", arguments.seed) if arguments.seed else ()))
        finally:
            dynos.end()
            server.stop()
    print(*(line[:2000] for line in (answer.stdout + answer.stderr).splitlines()), sep="\n")
    sys.exit(answer.returncode)


if __name__ == "__main__":
    main()
