"""A Redis that speaks TLS with a self-signed certificate, as Heroku's does, and one that does not."""

import shutil
import subprocess
import sys
import urllib.request

import pytest
import trustme

from dev import redis_server
from tests.dynos import Server, wait_for
from tests.tls_proxy import TlsProxy


def speaks_tls(binary: str) -> bool:
    probe = subprocess.run([binary, "--port", "0", "--tls-port", "0", "--tls-cert-file", "/nonexistent"],
                           capture_output=True, text=True, timeout=10)
    return "Bad directive" not in probe.stdout + probe.stderr


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody knows: (certificate and key in one file, file of its CA)."""
    ca = trustme.CA()
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "server.pem"), str(tmp_path / "ca.pem")


@pytest.fixture
def tls_port(certificate):
    """A real TLS Redis where there is one, as in CI; else a TLS door in front of the Redis that there is."""
    binary = shutil.which("redis-server")
    if binary and speaks_tls(binary):
        port, plain = redis_server.free_port(), redis_server.free_port()
        server = Server(None, "--tls-port", str(port), "--tls-cert-file", certificate[0], "--tls-key-file",
                        certificate[0], "--tls-auth-clients", "no", port=plain)
        yield port
        server.stop()
    else:
        server = Server()
        with TlsProxy(server.port, certificate[0]) as proxy:
            yield proxy.port
        server.stop()


@pytest.mark.parametrize("query", [
    "", "?ssl_cert_reqs=none", pytest.param("?ssl_cert_reqs=CERT_NONE", marks=pytest.mark.thorough), "verified"])
def test_every_connection_works_over_tls(tls_port, certificate, make_dynos, query):
    """Store, broker, results and promoter: a delayed chain needs them all."""
    if query == "verified":
        query = f"?ssl_cert_reqs=required&ssl_ca_certs={certificate[1]}"
    dynos = make_dynos(f"rediss://localhost:{tls_port}/0{query}")
    dynos.worker()
    dynos.web()
    wait_for(lambda: urllib.request.urlopen(dynos.base + "/health/ready", timeout=5).status == 200)
    add = dynos.task("add")
    assert (add.s(1, 2) | add.s(3).set(countdown=1)).apply_async(countdown=1).get(timeout=30) == 6


def test_a_certificate_that_should_be_verified_and_is_unknown_is_refused(tls_port, make_dynos):
    from app.connections import UNAVAILABLE

    dynos = make_dynos(f"rediss://localhost:{tls_port}/0?ssl_cert_reqs=required")
    with pytest.raises(UNAVAILABLE, match="certificate"):
        dynos.work("refused")


def test_ci_has_a_redis_that_speaks_tls_itself(monkeypatch):
    import os

    if os.environ.get("CI") and sys.platform == "linux":
        assert speaks_tls(shutil.which("redis-server") or "true")
