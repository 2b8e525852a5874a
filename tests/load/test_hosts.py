"""Master and workers on hosts of their own: two network namespaces of this machine with a cable between them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.load.conftest import BACKEND
from tests.load.staging import VERDICT_CODES, blocks, command, end, wait_for_block
from verification.drive.load import LOCUSTFILE

STATUS = "GET /cameras/{id}/status"
LEADER, HELPER = "10.213.7.1", "10.213.7.2"
BLOCKS = 8
IP = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(IP), *words], capture_output=True, text=True, check=False)


@dataclass
class Hosts:
    """Two namespaces and what was started in them."""

    leader: str
    helper: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, host: str, line: list[str]) -> subprocess.Popen[str]:
        within = [str(IP), "netns", "exec", host, *line]
        self.started.append(
            process := subprocess.Popen(within, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return process

    def cut(self) -> None:
        """Pull the cable out."""
        done = ip("-n", self.leader, "link", "set", "cable0", "down")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if IP is None:
        pytest.skip("there is no `ip` command here (Debian's package iproute2)")
    names = Hosts(f"gate-{os.getpid()}-leader", f"gate-{os.getpid()}-helper")
    with ExitStack() as undo:
        for name in (names.leader, names.helper):
            made = ip("netns", "add", name)
            if made.returncode != 0:
                pytest.skip(f"this machine makes no network namespaces: {made.stderr.strip()}")
            undo.callback(ip, "netns", "delete", name)
        steps: list[tuple[str, ...]] = [
            ("link", "add", "cable0", "netns", names.leader, "type", "veth", "peer", "cable1", "netns", names.helper)
        ]
        for name, end_of_cable, address in ((names.leader, "cable0", LEADER), (names.helper, "cable1", HELPER)):
            steps.append(("-n", name, "address", "add", f"{address}/24", "dev", end_of_cable))
            steps += [("-n", name, "link", "set", device, "up") for device in (end_of_cable, "lo")]
        for step in steps:
            done = ip(*step)
            if done.returncode != 0:
                pytest.skip(f"this machine connects no network namespaces: {done.stderr.strip()}")
        yield names
        for process in names.started:
            process.kill()
            process.communicate()


def lead(hosts: Hosts, run_dir: Path, log: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """A backend and a master with one worker on one host, a second worker on the other."""
    backend = hosts.start(hosts.leader, [sys.executable, str(BACKEND), "--bind", LEADER, "--log", str(log)])
    assert backend.stdout is not None
    url = f"http://{LEADER}:{int(backend.stdout.readline())}"
    several = ("--master", "--expect-workers", "2", "--master-bind-host", LEADER, "--allow-writes")
    master = hosts.start(hosts.leader, command(url, run_dir, *several, "--endpoints", STATUS, *options))
    for host in (hosts.leader, hosts.helper):
        hosts.start(host, [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker", "--master-host", LEADER])
    return master, url


def test_two_hosts_share_a_stage_and_the_master_has_every_request_of_both(hosts: Hosts, tmp_path: Path) -> None:
    master, _ = lead(hosts, tmp_path / "run", tmp_path / "log.json", "--blocks", str(BLOCKS))
    said, _ = master.communicate(timeout=90)
    told = end(tmp_path / "run")
    assert (told.aborted, told.lost_workers) == (None, ()), said
    by_worker = {worker.worker: worker.requests for worker in told.workers}
    assert set(by_worker) == {"w0", "w1"}
    seen = blocks(tmp_path / "run")
    came: Counter[str] = Counter()
    for block in seen:
        came[block.worker] += sum(cell.requests for cell in block.cells)
    assert came == by_worker
    assert {block.block for block in seen} == set(range(BLOCKS))
    # Each sends its half: half of 150 a second for 8 blocks of 0.4 s is 240.
    assert all(150 < requests < 340 for requests in by_worker.values()), by_worker
    assert (tmp_path / "log.json").read_text().startswith('{"left": []')


def test_a_host_whose_cable_is_pulled_out_is_a_lost_worker(hosts: Hosts, tmp_path: Path) -> None:
    master, _ = lead(hosts, tmp_path / "run", tmp_path / "log.json", "--blocks", "40", "--whole")
    for worker in ("w0", "w1"):
        wait_for_block(tmp_path / "run", worker)
    hosts.cut()
    said, _ = master.communicate(timeout=120)
    told = end(tmp_path / "run")
    assert len(told.lost_workers) == 1, said
    assert f"Worker {told.lost_workers[0]}" in said
    assert master.returncode in VERDICT_CODES[1:], said
