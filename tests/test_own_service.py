"""The README's path for one's own service, walked command by command: two instances, init, edit, run."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.plugin.running import ROOT, environment
from verification.settings import load_settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Your own service, step by step")[1].split("### The first catalog")[0]
OLD, NEW = "8001", "8002"
SERVICE = """
import os
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel

app = FastAPI(title="shop")
ITEMS = {"1": {"id": "1", "name": "lamp", "price": 12.5}, "2": {"id": "2", "name": "desk", "price": 99.0}}

class Item(BaseModel):
    id: str
    name: str
    price: float

@app.get("/items")
def items(limit: int = Query(10, ge=1, le=100)) -> list[Item]:
    return [Item(**item) for item in list(ITEMS.values())[:limit]]

@app.get("/items/{item_id}")
def item(item_id: str) -> Item:
    if item_id not in ITEMS:
        raise HTTPException(404, "no such item")
    return Item(**{**ITEMS[item_id], "price": ITEMS[item_id]["price"] + float(os.environ["DEARER"])})

@app.delete("/items/{item_id}", status_code=204)
def delete(item_id: str) -> None:
    ITEMS.pop(item_id, None)
"""


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def instance(folder: Path, port: str, dearer: str) -> Iterator[None]:
    words = [sys.executable, "-m", "uvicorn", "shop:app", "--port", port, "--log-level", "critical"]
    process = subprocess.Popen(words, cwd=folder, env={**environment(), "DEARER": dearer})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json"):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def walk(folder: Path, dearer: str) -> dict[str, object]:
    """Every step of the section, with free ports and this interpreter; returns the report of the comparing run."""
    old, new = free_port(), free_port()
    (folder / "shop.py").write_text(SERVICE, encoding="utf-8")
    (folder / "my-service").mkdir()

    def placed(text: str) -> str:
        return text.replace(OLD, old).replace(NEW, new).replace("my-service/", f"{folder}/my-service/")

    (settings,) = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
    commands = [
        line[2:] for block in re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()
    ]
    init, check, compare, whole = map(placed, commands)
    assert whole == compare.removesuffix(" -k parity")
    with ExitStack() as both:
        both.enter_context(instance(folder, old, "0"))
        both.enter_context(instance(folder, new, dearer))
        typed(init)
        edit(folder / "my-service" / "catalog" / "reads.yaml")
        (folder / "my-service" / "rollout.toml").write_text(placed(settings), encoding="utf-8")
        assert "GET /items/{item_id}" in typed(check)
        typed(f"{compare} --run-dir={folder}/run", fails=True)
    report: dict[str, object] = json.loads((folder / "run" / "gate.json").read_text(encoding="utf-8"))
    return report


def edit(path: Path) -> None:
    """What the page asks a person to do."""
    text = path.read_text(encoding="utf-8")
    assert "{fill_in_item_id}" in text
    text = re.sub(r"\n *disabled: no value is known for .*", "", text)
    path.write_text(text.replace("{fill_in_item_id}", "1"), encoding="utf-8")


def typed(line: str, *, fails: bool = False) -> str:
    words = line.split()
    command = [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert fails or done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("dearer", ["0", "0.5"])
def test_the_readmes_path_for_ones_own_service_works_command_by_command(tmp_path: Path, dearer: str) -> None:
    report = walk(tmp_path, dearer)
    findings = report["findings"]
    assert isinstance(findings, list)
    different = [(found["rule"], found["endpoint"]) for found in findings if found["rule"].startswith("parity.")]
    assert set(different) == ({("parity.body", "GET /items/{item_id}")} if float(dearer) else set())
    cases = report["cases"]
    assert isinstance(cases, list)
    assert {case["endpoint"] for case in cases} == {"GET /items", "GET /items/{item_id}"}
    left_out = report["not_measured"]
    assert isinstance(left_out, list)
    assert "endpoint:DELETE /items/{item_id}" in {row["what"] for row in left_out}


def test_the_settings_for_one_instance_with_a_switch_are_valid(tmp_path: Path) -> None:
    section = README.split("### One instance with a switch")[1].split("## Options of the gate")[0]
    (text,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    (tmp_path / "rollout.toml").write_text(text, encoding="utf-8")
    found = load_settings(tmp_path / "rollout.toml", {})
    assert (found.routing.by, found.first_witness.header, found.has_monitoring) == ("header", "X-Served-By", False)
