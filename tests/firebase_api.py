"""Google's token endpoint and Firebase Cloud Messaging, HTTP v1, answering as the real ones document it."""

import base64
import json
import threading
import time
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

FCM = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def error(status: int, canonical: str, message: str, code: str = "", field: str = "", **headers) -> tuple:
    """An answer, in the form that https://google.aip.dev/193 has for errors."""
    details = [{"@type": FCM, "errorCode": code}] if code else []
    details += [{"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]}] if field else []
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, headers, {"error": {"code": status, "message": message, "status": canonical, "details": details}}


UNREGISTERED = error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
NO_TOKEN = error(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token",
                 "INVALID_ARGUMENT")
NO_TOKEN_BY_FIELD = error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT",
                          "message.token")
BAD_DATA = error(400, "INVALID_ARGUMENT", "Invalid data payload key: from", "INVALID_ARGUMENT", "message.data")
SENDER = error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH")
APNS = error(401, "UNAUTHENTICATED", "Request is missing required authentication credential.", "THIRD_PARTY_AUTH_ERROR")
DENIED = error(403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied on resource "
                                         "'//cloudresourcemanager.googleapis.com/projects/shop'.")
UNAUTHENTICATED = error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
NO_PROJECT = error(404, "NOT_FOUND", "Requested entity was not found.")
QUOTA = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Send requests'.", "QUOTA_EXCEEDED")
UNAVAILABLE = error(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE")
INTERNAL = error(500, "INTERNAL", "Internal error encountered.", "INTERNAL")
BAD_GATEWAY = (502, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>")
DELETED_KEY = (400, {}, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Google:
    """`answers` to messages, and `grants` to who asks for a token, are given first, each once; `by_token` whenever that
    device is written to; who is `held` waits for `may_answer`. `sent` is what was accepted, `asked` all that came,
    `granted` how many tokens there are."""

    def __init__(self):
        self.answers, self.grants, self.by_token = [], [], {}
        self.sent: list[dict] = []
        self.asked: list[dict] = []
        self.granted = 0
        self.expires_in = 3599
        self.held: set[str] = set()
        self.may_answer = threading.Event()
        google = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, answer = google.answer(self.path, self.headers, body)
                answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                with suppress(OSError):
                    self.send_response(status)
                    for header in ({"Content-Length": str(len(answer))} | headers).items():
                        self.send_header(*header)
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that has hung up
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.account = {
            "type": "service_account", "project_id": "shop", "private_key_id": "key-1", "client_id": "1",
            "client_email": "push@shop.iam.gserviceaccount.com", "token_uri": f"{self.url}/token",
            "private_key": key().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()).decode()}
        self.env = {"FIREBASE_SERVICE_ACCOUNT": json.dumps(self.account), "FIREBASE_API_URL": self.url}
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, headers, body: bytes) -> tuple[int, dict, object]:
        if path == "/token":
            return self.grants.pop(0) if self.grants else self.grant(parse_qs(body.decode()))
        message = json.loads(body)["message"]
        self.asked.append(message)
        if message.get("token") in self.held:
            self.may_answer.wait(60)
        if self.answers:
            return self.answers.pop(0)
        if path != "/v1/projects/shop/messages:send":
            return NO_PROJECT
        if headers["Authorization"] != f"Bearer ya29.{self.granted}":
            return UNAUTHENTICATED
        if message.get("token") in self.by_token:
            return self.by_token[message["token"]]
        self.sent.append(message)
        return 200, {}, {"name": f"projects/shop/messages/{len(self.sent)}"}

    def grant(self, form: dict[str, list[str]]) -> tuple[int, dict, object]:
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return 400, {}, {"error": "unsupported_grant_type"}
        signed, _, signature = form["assertion"][0].rpartition(".")
        head, claims = (json.loads(_unpadded(part)) for part in signed.split("."))
        try:
            key().public_key().verify(_unpadded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return DELETED_KEY
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
        assert (claims["iss"], claims["aud"]) == (self.account["client_email"], self.account["token_uri"])
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["iat"] <= time.time() < claims["exp"] <= claims["iat"] + 3600
        self.granted += 1
        return 200, {}, {"access_token": f"ya29.{self.granted}", "expires_in": self.expires_in, "token_type": "Bearer"}

    def tokens(self) -> list[str]:
        """Of the devices that have got something, in that order."""
        return [message["token"] for message in self.sent]

    def end(self) -> None:
        self.may_answer.set()
        self.server.shutdown()
        self.server.server_close()


def _unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
