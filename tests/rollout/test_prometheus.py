"""What a Prometheus server says: its numbers as they are, and nothing where it has none."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.serving import serving
from verification.drive.prometheus import ask_prometheus
from verification.settings.release import PrometheusSettings

SERVER = shutil.which("prometheus")
LONGEST_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, on this machine only, that scrapes itself and nothing else."""
    if SERVER is None:
        pytest.skip("no prometheus on this machine; Debian's package of that name has it")
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: "
        f"[{{targets: ['{address}']}}]}}]\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [SERVER, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={address}"], stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(address, folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, log: Path) -> None:
    """Until it has scraped itself."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/query?query=up", timeout=5) as answer:
                if b'"1"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


def test_a_real_server_gives_numbers_and_what_is_none_is_not_there(server: str) -> None:
    queries = {
        "up": "up",
        "nobody": "(sum(rate(http_errors_total[1m])) or vector(0))",
        "number": "scalar(up) * 2.5",
        "empty": "sum(no_such_metric)",
        "several": "prometheus_http_requests_total or up",
        "not_a_number": "vector(0) / 0",
        "endless": "vector(1) / 0",
        "broken": "sum(",
    }
    assert ask_prometheus(PrometheusSettings(url=server, queries=queries)) == {"up": 1.0, "nobody": 0.0, "number": 2.5}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"status":"error","data":{"resultType":"scalar","result":[1,"2"]}}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":{"resultType":"vector","result":{}}}',
        b'{"status":"success","data":{"resultType":"vector","result":[3]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1,2]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1,"two"]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1]}}',
    ],
)
def test_an_answer_of_another_form_is_no_number(body: bytes) -> None:
    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Not into the test's output."""

    with serving(Says) as url:
        assert ask_prometheus(PrometheusSettings(url=url, queries={"x": "up"})) == {}


def test_a_server_that_does_not_answer_gives_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert ask_prometheus(PrometheusSettings(url=url, queries={"x": "up"})) == {}
