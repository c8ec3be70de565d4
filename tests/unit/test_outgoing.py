"""A POST to a URL that a stranger chose. Nothing here leaves the machine: a table of the test is the DNS."""

import gzip
import socket
import ssl
import time
from itertools import repeat

import pytest
import trustme

from app import outgoing
from tests.receiver import Receiver, Rude

NAMES = {"example.com": ["93.184.215.14"]}
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"]
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:1::1", "2001::1", "2001:1::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1", "100::1", "5f00::1", "4000::1",
]


class Table:
    """In place of the DNS. Numbers are read by the real thing, which knows more forms of them than we."""

    def __init__(self, names: dict[str, list[str]]):
        self.names, self.asked = names, []
        self.real = socket.getaddrinfo

    def __call__(self, host, port, family=0, type=0, proto=0, flags=0):
        try:
            return self.real(host, port, family, type, proto, socket.AI_NUMERICHOST)
        except socket.gaierror:
            if flags & socket.AI_NUMERICHOST:
                raise
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.names[host]
        addresses = answers.pop(0) if isinstance(answers[0], list) else answers
        return [found for address in addresses for found in self.real(address, port, family, type, proto)]


@pytest.fixture
def table(monkeypatch):
    table = Table(dict(NAMES))
    monkeypatch.setattr(socket, "getaddrinfo", table)
    return table


@pytest.fixture
def connected(monkeypatch):
    """Addresses that were connected to; nobody is there."""
    made = []

    def connect(self, address):
        made.append(address)
        raise ConnectionRefusedError("nobody")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.fixture
def open_server():
    servers = []

    def start(server):
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def receiver(open_server):
    return open_server(Receiver())


def post(url, private_hosts=("localhost",), body=b"{}"):
    return outgoing.post(url, body, {"content-type": "application/json"}, private_hosts)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_host_of_the_internet_is_public(address):
    assert outgoing.is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_internet_is_not_public_however_it_is_wrapped(address):
    assert not outgoing.is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_at_a_private_address_is_not_connected_to(table, connected, address):
    table.names["inside.example.com"] = [address]
    with pytest.raises(outgoing.Refused, match="^The URL has no public address; [^.]*$"):
        post("https://inside.example.com/")
    assert not connected


BAD = [
    # forms of loopback
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://017700000001/",
    "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://0/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:0:0:1]:8443/", "https://127.0.0.1:443/", "HTTPS://127.0.0.1/",
    # of what a cloud tells its machines
    "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://0xa9fea9fe/",
    "https://2852039166/", "https://100.100.100.200/", "https://168.63.129.16/",
    "https://[64:ff9b::169.254.169.254]/", "https://[2002:a9fe:a9fe::]/", "https://[fe80::1%25eth0]/",
    # two hosts in one
    "https://good.example.com@127.0.0.1/", "https://127.0.0.1@example.com/", "https://:@example.com/",
    "https://127.0.0.1#@example.com/", "https://example.com#@127.0.0.1/", "https://example.com/#fragment",
    "https://127.0.0.1\\@example.com/", "https://example.com\\@127.0.0.1/", "https://example.com/\\@127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "https://example.com:443@127.0.0.1/", "https://example.com:80:443/", "https://127.0.0.1%2f.example.com/",
    "https://127.0.0.1%00.example.com/", "https://127.0.0.1\t.example.com/", "https://127.0.0.1\n/",
    "https://example.com/\r\nX: y", "https://example.com/a b", " https://example.com/", "https://example.com/\n",
    # letters that become others
    "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://127.0.0.1/", "https://１２７.0.0.1/", "https://ⓛocalhost/",
    "https://exämple.com/", "https://example.com/ä", "https://localhost․/",
    # no such host, port, or protocol
    "https://", "https:///path", "https://./", "https://.example.com/", "https://example..com/", "https://[::1/",
    "https://[example.com]/", "https://" + "a" * 64 + ".com/", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:-1/", "https://example.com:/", "https://example.com:٤٤٣/", "//example.com/", "example.com",
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:x",
    "https:example.com", "https:/example.com", "", "https://example.com/" + "x" * 2000,
]


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_is_refused_before_any_name_is_looked_up(table, connected, url):
    with pytest.raises(outgoing.Refused):
        outgoing.check(url, ("localhost",))
    with pytest.raises(outgoing.Refused):
        post(url)
    assert not connected and not table.asked


@pytest.mark.parametrize("url, target", [
    ("https://example.com", (True, "example.com", 443, "/")),
    ("HTTPS://Example.COM.:8443?a=b", (True, "example.com", 8443, "/?a=b")),
    ("https://xn--exmple-cua.com/p@th;x=%2F?q=https://127.0.0.1/",
     (True, "xn--exmple-cua.com", 443, "/p@th;x=%2F?q=https://127.0.0.1/")),
    ("https://8.8.8.8:1/", (True, "8.8.8.8", 1, "/")),
    ("https://[2606:4700:4700::1111]:8443/x", (True, "2606:4700:4700::1111", 8443, "/x")),
    ("https://a_b.example.com//x", (True, "a_b.example.com", 443, "//x")),
])
def test_a_good_url_is_read_as_it_is_meant(table, url, target):
    assert outgoing.check(url, ())[:4] == target
    assert not table.asked


@pytest.mark.parametrize("url, host", [("http://inside:8080/", "inside"), ("https://10.1.2.3/", "10.1.2.3"),
                                       ("http://Inside./", "inside"), ("https://[fd12::1]/", "fd12::1")])
def test_a_host_that_the_owner_names_may_be_private(url, host):
    assert outgoing.check(url, (host,)).exempt
    with pytest.raises(outgoing.Refused):
        outgoing.check(url.lower().replace(host, host + "1"), (host,))


@pytest.mark.parametrize("name", ["localhost", "localhost.", "metadata.google.internal", "127.0.0.1.nip.example"])
def test_a_name_of_the_inside_is_refused_when_it_is_looked_up(table, connected, name):
    table.names[name.rstrip(".")] = ["169.254.169.254"]
    with pytest.raises(outgoing.Refused, match="no public address"):
        post(f"https://{name}/", private_hosts=())
    assert not connected


@pytest.mark.parametrize("addresses", [["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"],
                                       ["93.184.215.14", "::1"]])
def test_one_private_address_among_public_ones_spoils_the_name(table, connected, addresses):
    table.names["half.example.com"] = addresses
    with pytest.raises(outgoing.Refused):
        post("https://half.example.com/")
    assert not connected


def test_a_name_that_answers_otherwise_the_second_time_gains_nothing(table, connected):
    table.names["rebinding.example.com"] = [["93.184.215.14"], ["127.0.0.1"]]
    with pytest.raises(outgoing.Undelivered, match="nobody"):
        post("https://rebinding.example.com/")
    assert connected == [("93.184.215.14", 443)]
    assert table.asked == ["rebinding.example.com"]
    with pytest.raises(outgoing.Refused):
        post("https://rebinding.example.com/")
    assert connected == [("93.184.215.14", 443)]


def test_each_address_is_tried_until_one_answers(table, connected):
    table.names["two.example.com"] = ["93.184.215.14", "93.184.215.15"]
    with pytest.raises(outgoing.Undelivered):
        post("https://two.example.com/")
    assert connected == [("93.184.215.14", 443), ("93.184.215.15", 443)]


def test_a_name_that_nobody_knows_is_worth_another_attempt(table):
    with pytest.raises(outgoing.Undelivered, match="^The receiver is out of reach: [^.]*$"):
        post("https://nowhere.example.com/")


def test_it_posts_what_it_is_given(receiver):
    assert post(f"http://localhost:{receiver.port}/hook?a=b", body=b'{"a": 1}') == 204
    ((path, headers, body),) = receiver.got
    assert (path, headers["host"], body) == ("/hook?a=b", f"localhost:{receiver.port}", b'{"a": 1}')
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("url, host", [
    ("https://example.com:443/", "example.com"), ("http://example.com/", "example.com"),
    ("https://example.com:80/", "example.com:80"), ("https://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]")])
def test_a_port_that_goes_without_saying_is_not_said(table, monkeypatch, url, host):
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(outgoing, "_connect", lambda *_: ours)
    theirs.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert post(url, ("example.com",)) == 204
    assert f"\r\nHost: {host}\r\n" in theirs.recv(65536).decode()
    theirs.close()


def test_a_proxy_of_the_environment_is_not_asked(receiver, open_server, monkeypatch):
    proxy = open_server(Receiver())
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    post(f"http://localhost:{receiver.port}/")
    assert len(receiver.got) == 1 and not proxy.got


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, open_server, status):
    inside = open_server(Receiver())
    receiver.answers = [(status, {"Location": f"http://localhost:{inside.port}/"})]
    with pytest.raises(outgoing.Undelivered, match=f"said {status}"):
        post(f"http://localhost:{receiver.port}/")
    assert len(receiver.got) == 1 and not inside.got


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 502, 503, 504, 599, 999])
def test_what_is_no_success_is_worth_another_attempt(receiver, status):
    receiver.answers = [(status, {})]
    with pytest.raises(outgoing.Undelivered, match=f"^The receiver said {status}"):
        post(f"http://localhost:{receiver.port}/")


def test_gone_is_final(receiver):
    receiver.answers = [(410, {})]
    with pytest.raises(outgoing.Refused, match="410 Gone"):
        post(f"http://localhost:{receiver.port}/")


@pytest.mark.parametrize("status, value, wait", [
    (503, "120", 120), (429, "120", 120), (500, "120", 0), (503, "1e9", 0), (503, "-1", 0), (503, "9" * 5000, 0),
    (503, "999999999", 3600), (503, "soon", 0), (503, "Wed, 21 Oct 2015 07:28:00 GMT", 0),
    (503, "Fri, 31 Dec 9999 23:59:59 GMT", 3600), (429, "", 0),
])
def test_it_waits_as_long_as_the_receiver_asks_but_an_hour_at_most(receiver, status, value, wait):
    receiver.answers = [(status, {"Retry-After": value})]
    with pytest.raises(outgoing.Undelivered) as caught:
        post(f"http://localhost:{receiver.port}/")
    assert caught.value.wait == wait


def test_a_date_to_wait_for_counts_from_now():
    at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 600))
    assert 500 < outgoing._wait(at) <= 600


def certificate(ca: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def ca(tmp_path, monkeypatch):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return ca


def test_over_tls_it_is_the_names_certificate_that_counts_though_it_connects_by_number(table, ca, open_server):
    table.names["hooks.example.com"] = ["127.0.0.1"]
    context, asked = certificate(ca, "hooks.example.com"), []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    receiver = open_server(Receiver(context))
    assert post(f"https://hooks.example.com:{receiver.port}/", ("hooks.example.com",)) == 204
    assert asked == ["hooks.example.com"]
    assert receiver.got[0].headers["host"] == f"hooks.example.com:{receiver.port}"


@pytest.mark.parametrize("name", ["other.example.com", "localhost", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(table, ca, open_server, name):
    table.names["hooks.example.com"] = ["127.0.0.1"]
    receiver = open_server(Receiver(certificate(ca, name)))
    with pytest.raises(outgoing.Undelivered, match="certificate is refused: (Hostname|IP address) mismatch$"):
        post(f"https://hooks.example.com:{receiver.port}/", ("hooks.example.com",))
    assert not receiver.got


def test_a_certificate_of_a_stranger_is_refused(ca, open_server):
    receiver = open_server(Receiver(certificate(trustme.CA(), "localhost")))
    with pytest.raises(outgoing.Undelivered, match="certificate"):
        post(f"https://localhost:{receiver.port}/")
    assert not receiver.got


def drips(head: bytes, more: bytes):
    def manners(connection):
        connection.recv(65536)
        connection.sendall(head)
        for piece in repeat(more):
            connection.sendall(piece)
            time.sleep(0.05)

    return manners


def sips(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        connection.recv(1)
        time.sleep(0.05)


def is_silent(connection):
    while connection.recv(65536):
        pass


SLOW = {
    "a status a letter at a time": drips(b"HTTP/1.1 200 ", b"O"),
    "a header a letter at a time": drips(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "words before the answer": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": is_silent,
    "a slow reader": sips,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("manners", SLOW)
def test_nobody_holds_a_worker_by_being_slow(open_server, monkeypatch, manners):
    monkeypatch.setattr(outgoing, "SECONDS", 1)
    server = open_server(Rude(SLOW[manners]))
    with pytest.raises(outgoing.Undelivered, match="took more than 1 s"):
        post(f"http://localhost:{server.port}/", body=b"x" * (30_000_000 if SLOW[manners] is sips else 10))
    assert server.left.wait(30)


@pytest.mark.timeout(60)
def test_nobody_holds_a_worker_over_tls_either(ca, open_server, monkeypatch):
    monkeypatch.setattr(outgoing, "SECONDS", 1)
    context = certificate(ca, "localhost")
    server = open_server(Rude(lambda connection: SLOW["a header a letter at a time"](
        context.wrap_socket(connection, server_side=True))))
    with pytest.raises(outgoing.Undelivered, match="took more than 1 s"):
        post(f"https://localhost:{server.port}/")
    assert server.left.wait(30)
    silent = open_server(Rude(is_silent))
    with pytest.raises(outgoing.Undelivered, match="took more than"):  # no handshake
        post(f"https://localhost:{silent.port}/")


BOMB = gzip.compress(b"\0" * 10_000_000)
ENDLESS = {
    "a body without end": drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "a body of any length": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x" * 65536),
    "chunks without end": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a bomb": drips(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB),
    "no length": drips(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nTransfer-Encoding: x\r\n\r\n", b""),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("manners", ENDLESS)
def test_of_an_answer_only_the_head_is_read(open_server, manners):
    server = open_server(Rude(ENDLESS[manners]))
    assert post(f"http://localhost:{server.port}/") == 200


NO_HTTP = {
    "SMTP": b"220 mail.example.com ESMTP \x1b[31msecret\r\n",
    "a long line": b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
    "another protocol": b"HTTP/2.0 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 secret\r\n\r\n",
}


@pytest.mark.parametrize("what", NO_HTTP)
def test_what_is_no_http_is_not_repeated(open_server, what):
    def manners(connection):
        connection.recv(65536)
        connection.sendall(NO_HTTP[what])
        connection.recv(65536)

    server = open_server(Rude(manners))
    with pytest.raises(outgoing.Undelivered) as caught:
        post(f"http://localhost:{server.port}/")
    assert str(caught.value) == "The receiver gave no answer in HTTP"
