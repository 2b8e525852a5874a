"""No report of a run against hostile targets holds a byte that steers: not the page, not the XML, not the terminal."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.parsers import expat

import pytest
from jsonschema import Draft202012Validator

from tests.hostile.conftest import HostileRun
from tests.hostile.rows import ROWS
from tests.hostile.server import MARKUP, STEERING
from tests.plugin.running import ROOT, environment
from tests.reporting.pages import Page
from verification.evidence import save
from verification.reporting import gate_html
from verification.reporting.plain import HIDDEN
from verification.reporting.terminal import summary_lines

FOLDER = Path(gate_html.__file__).parent / "templates"
SCHEMA = json.loads((FOLDER / "gate.schema.json").read_text(encoding="utf-8"))
TEMPLATES = "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir()).lower()
STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""What steers a terminal, breaks XML, hides, or turns the direction of reading; line feeds and tabs do not."""


def steering_in(text: str) -> list[str]:
    return [
        f"U+{ord(match[0]):04X} after {text[max(0, match.start() - 40) : match.start()]!r}"
        for match in STEERS.finditer(text)
    ]


def test_the_list_of_what_steers_is_in_what_the_targets_sent() -> None:
    assert {"\x1b", "\x07", "\x9b", "\x85", "\u202e", "\u2028", "\ufffe"} <= set(STEERS.findall(STEERING))


def test_the_page_has_no_element_and_no_attribute_that_its_template_did_not_write(hostile_run: HostileRun) -> None:
    page = Page(hostile_run.text("gate.html"))
    for tag, attributes in page.elements:
        assert f"<{tag}" in TEMPLATES or tag == "wbr"
        for name, value in attributes.items():
            assert f" {name}=" in TEMPLATES or f" {name}>" in TEMPLATES, (tag, name)
            assert not name.startswith("on")
            assert "<" not in (value or "")
    assert "script" not in {tag for tag, _ in page.elements}
    assert not steering_in(hostile_run.text("gate.html"))


def test_the_page_shows_what_was_sent_as_text(hostile_run: HostileRun) -> None:
    page = Page(hostile_run.text("gate.html"))
    assert MARKUP in page.text
    assert r"\x1b[2J" in page.text
    assert r"\u202e" in page.text
    raw = hostile_run.text("gate.html")
    assert not re.search(r"<script|<img|onerror=alert\(1\)>|]]>|-->", raw.replace("&gt;", "&gt"))


def test_the_xml_is_legal_and_holds_no_control_character(hostile_run: HostileRun) -> None:
    data = (hostile_run.run_dir / "junit.xml").read_bytes()
    names: Counter[str] = Counter()
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = lambda name, _: names.update([name])
    parser.Parse(data, True)  # raises where it is not well-formed
    assert set(names) == {"testsuites", "testsuite", "properties", "property", "testcase", "failure"}
    assert names["failure"] >= len(ROWS)
    assert not steering_in(data.decode("utf-8"))
    assert b"<![CDATA[" not in data


def test_the_summary_holds_no_markup_but_its_own(hostile_run: HostileRun) -> None:
    text = hostile_run.text("gate.md")
    assert not steering_in(text)
    assert not re.search(r"[<>@]|://", text)
    bare = re.sub(r"\\.", "", text)
    assert "`" not in bare
    assert "[" not in bare
    rows = [line for line in bare.splitlines() if line.startswith("|")]
    assert rows
    assert {line.count("|") for line in rows} == {7}
    # Whatever begins a line is the writer's own: a heading, a table, a list, or a sentence of its own.
    assert {line[0] for line in text.splitlines() if line} <= set("#|- ") | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ*123456789")


def test_the_machine_readable_report_keeps_its_schema(hostile_run: HostileRun) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(hostile_run.text("gate.json")))


def test_allure_gets_whole_results_without_steering(hostile_run: HostileRun) -> None:
    files = sorted((hostile_run.run_dir / "allure").iterdir())
    results = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.name.endswith("-result.json")]
    assert len(results) > len(ROWS)
    shown = [path.read_text(encoding="utf-8") for path in files if path.suffix == ".txt"]
    assert shown
    assert not [found for text in (*shown, *map(_texts, results)) for found in steering_in(text)]
    assert {Path(one["source"]).name for result in results for one in result.get("attachments", ())} <= {
        p.name for p in files
    }


def _texts(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(map(_texts, [*value, *value.values()]))
    return "\n".join(map(_texts, value)) if isinstance(value, list) else str(value)


def test_the_terminal_gets_lines_of_its_own_only(hostile_run: HostileRun) -> None:
    lines = summary_lines(hostile_run.judgement, hostile_run.run_dir)
    assert not [found for line in lines for found in steering_in(line)]
    assert not any("\n" in line for line in lines)


def test_judging_it_again_prints_nothing_that_steers(hostile_run: HostileRun) -> None:
    line = [sys.executable, "-m", "verification", "judge", str(hostile_run.run_dir)]
    done = subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 12, done.stderr
    assert done.stderr == b""
    assert not steering_in(done.stdout.decode("utf-8"))


def test_every_counterexample_is_kept_and_its_commands_can_be_pasted(hostile_run: HostileRun) -> None:
    kept = sorted((hostile_run.run_dir / "counterexamples").glob("*.json"))
    assert kept
    for path in kept:
        for command in json.loads(path.read_text(encoding="utf-8"))["curl"]:
            assert not HIDDEN.search(command)
            assert command.startswith(("curl ", "# "))
            assert command.startswith("# ") or shlex.split(command)[0] == "curl"


@pytest.mark.parametrize("name", ["run.json", "catalog.json"])
def test_a_damaged_file_of_a_run_is_told_without_steering(name: str, hostile_run: HostileRun, tmp_path: Path) -> None:
    """What is told of it quotes it: a folder may come from somebody else."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in ("run.json", "catalog.json", "policy.json"):
        save(folder / file, (hostile_run.run_dir / file).read_bytes())
    (folder / "evidence").mkdir()
    document = json.loads((folder / name).read_text(encoding="utf-8"))
    save(folder / name, json.dumps({**document, "schema": STEERING, "endpoints": STEERING}).encode())
    line = [sys.executable, "-m", "verification", "judge", str(folder)]
    done = subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 2
    assert not steering_in(done.stderr.decode("utf-8"))
