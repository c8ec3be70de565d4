"""One POST to a URL that somebody else chose: it reaches nothing inside our network, and it ends.

The addresses of the name are looked up once, checked, and connected to by number: a name that answers otherwise the
next time gains nothing. http.client follows no redirect, asks no proxy and inflates nothing; of the answer we read the
status and the headers, never the body.
"""

import ipaddress
import re
import socket
import ssl
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, responses
from time import monotonic, time
from typing import NamedTuple

from app.asking import cut

CONNECT_SECONDS = 5
#: For all of it, once the name is looked up: Standard Webhooks says 15 to 30, and a stopping worker has 20.
SECONDS = 15
#: No receiver puts us off for longer.
MOST_WAIT_SECONDS = 3600
URL_CHARS = 2000
#: Nothing that two readers could take for two hosts: no user, no fragment, no backslash, nothing but ASCII.
URL = re.compile(r"(?i:(https?)://([a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?)"
                 r"([/?][!-~]*)?")
#: All that is given out of IPv6. What stands for an address of IPv4 by translation lies outside of it, 6to4 aside.
UNICAST = ipaddress.ip_network("2000::/3")
#: Public by their numbers only: 6to4 and its relays, what protocols have taken (Teredo among it), examples in documents
#: (which older Pythons let pass), and the agent of the machine that Azure runs us on.
NOT_PUBLIC = [ipaddress.ip_network(network) for network in (
    "2002::/16", "192.88.99.0/24", "2001::/23", "192.0.0.0/24", "3fff::/20", "168.63.129.16/32")]


class Refused(ValueError):
    """Final: trying again would get the same answer. A ValueError, so that a model's validator may let it pass."""


class Undelivered(Exception):
    """Not now: worth another attempt, in `wait` seconds or more."""

    def __init__(self, why: str, wait: float = 0):
        super().__init__(why)
        self.wait = wait


class Target(NamedTuple):
    secure: bool
    host: str
    port: int
    path: str
    exempt: bool  # from the rule that its address must be public


def check(url: str, private_hosts: tuple[str, ...]) -> Target:
    """As much as can be told of a URL without asking the DNS.

    Args:
        private_hosts: names, or addresses as the URL has them, that may be private and without TLS.

    Raises:
        Refused
    """
    found = URL.fullmatch(url) if len(url) <= URL_CHARS else None
    if not found or "#" in url or "\\" in url:
        raise Refused(f"The address is no URL such as https://example.com/path, of up to {URL_CHARS:,} ASCII "
                      "characters, without user and fragment")
    scheme, host, port, path = found.groups()
    secure, host = scheme.lower() == "https", host.lower().strip("[]").rstrip(".")
    target = Target(secure, host, int(port or (443 if secure else 80)), "/" + (path or "").removeprefix("/"),
                    host in private_hosts)
    if not 0 < target.port < 65536:
        raise Refused(f"The URL has the port {target.port}; there is none above 65535, and no 0")
    if not secure and not target.exempt:
        raise Refused("The URL must begin with https://, unless WEBHOOK_PRIVATE_HOSTS names the host")
    with suppress(OSError):
        _addresses(target, socket.AI_NUMERICHOST)
    return target


def post(url: str, body: bytes, headers: dict[str, str], private_hosts: tuple[str, ...]) -> int:
    """Returns the status, which is of those that mean success. No error names the host: more people see the error of a
    job than its URL.

    Raises:
        Refused, Undelivered
    """
    deadline = monotonic() + SECONDS
    try:
        target = check(url, private_hosts)
        found = _addresses(target)  # at most as long as the resolver's own limits let it
        deadline = monotonic() + SECONDS
        with closing(HTTPConnection(target.host, target.port)) as connection:
            connection.default_port = 443 if target.secure else 80  # goes without saying in the header Host
            connection.sock = _connect(target, found, deadline)
            with cut(connection.sock, deadline):
                connection.request("POST", target.path, body, headers)
                answer = connection.getresponse()
    except (OSError, HTTPException) as error:
        raise Undelivered(_why(error, deadline)) from None  # the other side's words stay out of our log
    return _heeded(answer.status, answer.getheader("Retry-After", ""))


def is_public(address: str) -> bool:
    """Whether it is one host of the internet, by any reading of its number."""
    ip = ipaddress.ip_address(address)
    return (ip.is_global and not ip.is_multicast and not ip.is_reserved and (ip.version == 4 or ip in UNICAST)
            and not any(ip in network for network in NOT_PUBLIC))


def _addresses(target: Target, flags: int = 0) -> list[tuple]:
    """All that socket.getaddrinfo knows. One that is private spoils them all."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, flags=flags)
    if not target.exempt and not all(is_public(address[0]) for *_, address in found):
        raise Refused("The URL has no public address; WEBHOOK_PRIVATE_HOSTS may name its host if it is yours")
    return found


def _connect(target: Target, found: list[tuple], deadline: float) -> socket.socket:
    """A connection to the first address that answers, with the name's certificate checked."""
    error = OSError("it has no address")
    for family, type, protocol, _, address in found:
        left = deadline - monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, type, protocol)
        try:
            sock.settimeout(min(CONNECT_SECONDS, left))
            sock.connect(address)
            if target.secure:
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=target.host)
            sock.settimeout(SECONDS)
            return sock
        except OSError as failed:
            sock.close()
            error = failed
    raise error


def _why(error: Exception, deadline: float) -> str:
    if monotonic() >= deadline:
        return f"The receiver took more than {SECONDS} s"
    if isinstance(error, ssl.SSLCertVerificationError):  # what follows the comma names the host
        return f"The receiver's certificate is refused: {error.verify_message.partition(',')[0]}"
    if isinstance(error, OSError):
        return f"The receiver is out of reach: {error}"
    return "The receiver gave no answer in HTTP"


def _heeded(status: int, retry_after: str) -> int:
    if 200 <= status < 300:
        return status
    said = f"The receiver said {status} {responses.get(status, '')}".strip()
    if status == 410:
        raise Refused(f"{said}: it wants no more")
    raise Undelivered(said, _wait(retry_after) if status in (429, 503) else 0)


def _wait(retry_after: str) -> float:
    """Seconds, which is how the header gives them, or as the date of their end."""
    try:
        if retry_after.isdecimal():
            seconds = int(retry_after)
        else:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time()
    except (ValueError, OverflowError):
        return 0
    return min(max(0, seconds), MOST_WAIT_SECONDS)
