"""An example served on free ports, as `examples/serve.py` does it, and the gate run on it from outside."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, Ran, gate

OFFLINE = 3


@contextmanager
def served(name: str, folder: Path, *words: str) -> Iterator[Path]:
    """The example's settings, at free ports, while both of its servers run. Skips where pip reaches no registry."""
    settings = folder / "rollout.toml"
    example = ROOT / "examples" / name
    text = (example / "rollout.toml").read_text(encoding="utf-8").replace('"catalog"', f'"{example / "catalog"}"')
    for port, free in zip(_ports_in(text), _free_ports(), strict=True):
        text = text.replace(f":{port}", f":{free}")
    settings.write_text(text, encoding="utf-8")
    log = folder / "serve.log"
    command: list[str | Path] = [sys.executable, ROOT / "examples" / "serve.py", name, "--settings", settings, *words]
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, text=True
        ) as server,
    ):
        try:
            _require_ready(server, log)
            yield settings
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _require_ready(server: subprocess.Popen[str], log: Path) -> None:
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if line.startswith("ready: "):
            return
    code = server.wait(60)
    reason = log.read_text(encoding="utf-8").strip()
    if code == OFFLINE:
        pytest.skip(reason)
    pytest.fail(f"examples/serve.py ended with {code}: {''.join(said)}{reason}", pytrace=False)


def _ports_in(text: str) -> list[str]:
    return [line.rsplit(":", 1)[1].strip('"') for line in text.splitlines() if "_url = " in line]


def _free_ports() -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def parity(settings: Path, run_dir: Path) -> Ran:
    """The README's second command."""
    return gate(run_dir, f"--settings={settings}", "-k", "parity", timeout_s=600)
