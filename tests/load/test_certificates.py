"""Over https, both clients believe the certificates that the settings name, and no others."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.load.staging import blocks, command
from tests.plugin.running import environment
from tests.serving import serving
from verification.core.errors import SettingsError
from verification.core.model import Arm, Request
from verification.core.redact import Redactor
from verification.drive.connect import connect
from verification.settings import HANDED, Settings
from verification.settings.authentication import trusted

REFRESH = "POST /cameras/refresh"
OPENSSL = shutil.which("openssl")


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        served = "domain" if "force_domain=true" in self.path else "legacy"
        self.send_response(200)
        for name, value in (("Content-Length", "2"), ("X-Served-By", served)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    if OPENSSL is None:
        pytest.skip("there is no `openssl` command here to make a certificate with")
    made = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem"), "-days", "2", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "rsa:2048", *made, *subject], check=True, capture_output=True)
    return tmp_path / "ca.pem"


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with serving(Answering, context) as url:
        yield url


def settings(url: str, ca_file: Path | None) -> Settings:
    target = {"url": url} if ca_file is None else {"url": url, "ca_file": str(ca_file)}
    return Settings.model_validate({"target": target})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the server's refused handshakes
@pytest.mark.parametrize("named", [True, False])
def test_the_comparison_believes_the_certificates_that_are_named(url: str, certificate: Path, named: bool) -> None:
    with connect(settings(url, certificate if named else None), url, Redactor(b"x" * 32)) as caller:
        exchange = caller.call(Request("POST", "/x"), Arm.CANDIDATE)
    assert (exchange.answer is not None) is named
    assert named or "CERTIFICATE_VERIFY_FAILED" in (exchange.failure or "")


@pytest.mark.parametrize("named", [True, False])
def test_the_load_believes_the_certificates_that_are_named(
    url: str, certificate: Path, named: bool, tmp_path: Path
) -> None:
    handed = settings(url, certificate if named else None).model_dump_json(exclude_unset=True)
    run = subprocess.run(
        command(url, tmp_path / "run", "--endpoints", REFRESH, "--rate", "40"),
        env={**environment(), HANDED: handed},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    cells = [cell for block in blocks(tmp_path / "run") for cell in block.cells]
    requests, errors = sum(cell.requests for cell in cells), sum(cell.errors for cell in cells)
    assert requests > 20, run.stderr
    assert errors == (0 if named else requests), run.stdout


def test_a_file_that_holds_no_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    for path in (tmp_path / "ca.pem", tmp_path / "none.pem"):
        with pytest.raises(SettingsError, match=r"target\.ca_file"):
            trusted(path)
