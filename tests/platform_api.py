"""Heroku's Platform API, as much of it as scales workers, answering as the real one does; and it starts and
stops workers."""

import json
import signal
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.dynos import Dynos, Process

TOKEN = "HRKU-" + "c3" * 20
UNAUTHORIZED = (401, {}, {"id": "unauthorized", "message": "Invalid credentials provided."})
FORBIDDEN = (403, {}, {"id": "forbidden", "message": "You do not have access to the app shop."})
NOT_FOUND = (404, {}, {"id": "not_found", "message": "Couldn't find that formation."})
UNVERIFIED = (422, {}, {"id": "verification_required", "message": "Please verify your account."})
RATE_LIMIT = (429, {"Retry-After": "2"}, {"id": "rate_limit", "message": "Your account reached the API rate limit."})
DOWN = (503, {}, {"id": "service_unavailable", "message": "Heroku is temporarily unavailable."})


class Platform:
    """`answers` are given first, each once; `asked` is what came: method and quantity."""

    def __init__(self, dynos: Dynos | None = None, quantity: int = 0, size: str = "Standard-1X"):
        self.dynos, self.quantity, self.size = dynos, quantity, size
        self.answers: list[tuple[int, dict, object]] = []
        self.asked: list[tuple[str, int | None]] = []
        self.workers: dict[int, Process] = {}
        self.web, self.most = 1, 100  # dynos of the other type; of all types together
        self.slow = 0.0
        self.before_answer = lambda: None  # what happens in the app meanwhile
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                platform.asked.append((self.command, body.get("quantity")))
                time.sleep(platform.slow)
                platform.before_answer()
                status, headers, body = platform.answer(self.path, self.headers, body)
                with suppress(OSError):
                    self.send_response(status)
                    for header in headers.items():
                        self.send_header(*header)
                    self.end_headers()
                    self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            do_PATCH = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.env = {"HEROKU_API_URL": self.url, "HEROKU_API_TOKEN": TOKEN, "HEROKU_APP": "shop", "AUTOSCALE_MAX": "3"}
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, headers, body: dict) -> tuple[int, dict, object]:
        if self.answers:
            return self.answers.pop(0)
        if headers["Authorization"] != f"Bearer {TOKEN}":
            return UNAUTHORIZED
        if headers["Accept"] != "application/vnd.heroku+json; version=3" or path != "/apps/shop/formation/worker":
            return NOT_FOUND
        wanted = body.get("quantity", self.quantity)
        if self.web + wanted > self.most:
            return 422, {}, {"id": "cannot_run_above_limit", "limit": self.most, "message":
                             f"Cannot run more than {self.most} {self.size} size dynos."}
        if wanted > 1 and self.size in ("Eco", "Basic"):
            return 422, {}, {"id": "invalid_params", "message":
                             f"Cannot update to more than 1 {self.size} size dynos per process type."}
        self.scale(wanted)
        return 200, {"RateLimit-Remaining": "4499"}, {
            "app": {"name": "shop"}, "command": "python worker.py", "quantity": wanted, "size": self.size,
            "type": "worker"}

    def scale(self, quantity: int) -> None:
        """As the real one: the highest numbers go first."""
        self.quantity = quantity
        if not self.dynos:
            return
        for number in [number for number in self.workers if number > quantity]:
            self.workers.pop(number).signal_all(signal.SIGTERM)
        for number in range(1, quantity + 1):
            if number not in self.workers:
                self.workers[number] = self.dynos.worker(wait=False, DYNO=f"worker.{number}")

    def told(self) -> list[int]:
        """The numbers that it was asked to scale to."""
        return [quantity for method, quantity in self.asked if method == "PATCH"]

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
