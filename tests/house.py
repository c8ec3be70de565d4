"""Every way into the app, found in its url_map, and who knocks."""

from io import BytesIO

import redis
from werkzeug.test import TestResponse

from app import schedules
from app.config import Settings
from app.store import PREFIX
from app.web import create_app
from app.web.auth import EITHER, OPEN
from tests import ledger  # noqa: F401 - its kinds, sample and papers

OWNER, READER = "owner-token", "reader-token"
LOOKING = ("GET", "HEAD", "OPTIONS")


class House:
    """An app in which each route finds something: a job that waits, a schedule, a file."""

    def __init__(self, url: str, **env: str):
        self.env = {"APP_ENV": "development", "REDIS_URL": url, "API_TOKEN": OWNER, "READ_TOKEN": READER,
                    "SECRET_KEY": "s", "RATE_LIMIT": "0"} | env
        self.app = create_app(Settings.from_env(self.env))
        self.store, self.raw = self.app.extensions["store"], redis.Redis.from_url(url)
        celery, kinds = self.app.extensions["celery"], self.app.extensions["kinds"]
        self.job = kinds["sample"].task.apply_async(({"label": "x"},), countdown=3600).id
        self.schedule = schedules.create(celery, kinds, schedules.NewSchedule(
            kind="sample", cron="0 9 * * *", params={"label": "x"}))[1]
        self.file = self.app.extensions["files"].put("a.csv", "text/csv", BytesIO(b"a\n1"), most_mb=1, limit="").id

    def close(self):
        self.store.redis.close()
        self.raw.close()

    def doors(self) -> list[tuple[str, str, str]]:
        """(endpoint, method, path) of all routes."""
        ids = {"uploads": self.file, "schedules": self.schedule, "recurring": self.schedule}
        found = []
        for rule in self.app.url_map.iter_rules():
            values = {"id": ids.get(rule.endpoint.partition(".")[0], self.job), "kind": "sample", "number": "0",
                      "filename": "page.js"}
            path = rule.rule.replace("int:", "")
            for name, value in values.items():
                path = path.replace(f"<path:{name}>", value).replace(f"<{name}>", value)
            assert "<" not in path, f"say what stands in {path}"
            path += "?seconds=0" if rule.endpoint == "events.stream" else ""
            found += [(rule.endpoint, method, path) for method in sorted(rule.methods)]
        return found

    def closed(self, *, api: bool) -> list[tuple[str, str, str]]:
        """Those that not everybody may open, nor a machine with a token of its own; of the API or of the page."""
        others = (*OPEN, *EITHER, *self.app.extensions["machines"])
        return [(endpoint, method, path) for endpoint, method, path in self.doors()
                if endpoint not in others and path.startswith("/api/") is api]

    def person(self, token: str = OWNER, **headers: str):
        http = self.app.test_client()
        assert http.post("/sign-in", data={"token": token}, headers=headers).status_code == 302
        return http

    def knock(self, http, method: str, path: str, **options) -> TestResponse:
        """After a minute in which nobody guessed."""
        for key in self.raw.keys(f"{PREFIX}limits:*"):
            self.raw.delete(key)
        return http.open(path, method=method, **options)

    def inside(self) -> dict[bytes, bytes]:
        """All that Redis holds, but for the counts of requests."""
        return {key: self.raw.dump(key) for key in self.raw.keys("*") if b"limits:" not in key}
