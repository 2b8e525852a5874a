"""Evidence is on the disk before the next step, comes back as it was, and damage is named, never guessed away."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.judge.builders import CATALOG, comparison, exchange, look, manifest, stage
from verification.core.cases import RequestSpec, Twin
from verification.core.errors import EvidenceError
from verification.core.journal import Cleanup
from verification.core.knee import RampStep
from verification.core.model import Answer, Arm, Request
from verification.core.policy import Policy
from verification.core.records import (
    Drill,
    Exposure,
    ForcedCall,
    Leftover,
    LoadBlock,
    LoadCell,
    LoadFavour,
    LogTail,
    Mishap,
    RaceRound,
    Ramp,
    Record,
    RunEnd,
    Usage,
    WitnessCheck,
)
from verification.core.sequences import Passage, Sequence, SequenceComparison, SequenceSearch, Step
from verification.evidence import (
    EVIDENCE_DIR,
    RUN_FILE,
    EvidenceWriter,
    decode,
    encode,
    read_file,
    read_run,
    save,
    start_run,
)

START, BLOCKS, END = stage()
STEP = Step("plain", RequestSpec("PUT", "/things/{run}", (("a", "b"),), {"x": [1, None]}, has_body=True), "GET /things")
SEQUENCE = Sequence(
    "retry:GET /things:x", (Twin("run", "thing", ("on",), {"n": 1}),), (STEP,), (Arm.CANDIDATE,), ("things",)
)
RECORDS: list[Record] = [
    comparison(exchange(Arm.CANDIDATE, {"text": "ä\u2028\x00"})),
    Exposure(10, 1, 2, 3),
    ForcedCall("force", 10, "GET /x", exchange(Arm.CONTROL)),
    Drill("rollback-global", 0, ok=True, seconds=1.5, detail="13 of 13"),
    look("before"),
    Usage(10, "natural", 1, 2, None, 2),
    WitnessCheck("GET /things", 10, 2, 3, 2, 3, "counters of /m", None, 3),
    RaceRound("meeting", Arm.CONTROL, (1, 0), (("camera", "c-1"),), (exchange(Arm.CONTROL),), (), leftover=("x",)),
    SequenceComparison(SEQUENCE, (Passage("control", (("run", "r-1"),), (exchange(Arm.CONTROL),), ()),)),
    SequenceSearch("sequence:routed:things:1", 7, 10, 10, 40, 1.5, "done"),
    LogTail(10, 1, ("a line",)),
    Leftover(("rule 7",)),
    Cleanup(datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC), ("camera a",), ("rule 7",), ("camera b (503)",)),
    Mishap("interrupted", "Ctrl-C"),
    RunEnd(datetime(2026, 11, 23, 10, 8, 12, tzinfo=UTC)),
    START,
    BLOCKS[0],
    END,
    Ramp(180.0, (RampStep(54.0, 80, 1, {500: 79, 1600: 1}),)),
    LoadFavour(10, 31, ("POST /alerts/rules",)),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert decode(encode(record)) == record


def test_a_body_that_is_no_text_comes_back_as_its_bytes() -> None:
    assert Answer(200, (), "/w==", body_is_base64=True).raw == b"\xff"


@pytest.mark.parametrize("text", ["\ud800 half a pair", "\udfff", "\u2028\x00\x7f", "𝄞", "\n"])
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert decode(encode(LogTail(10, 1, (text,)))) == LogTail(10, 1, (text,))
    assert encode(LogTail(10, 1, (text,))).count(b"\n") == 1
    asked = Request("POST", "/x", (("a", text),), text, None)
    call = ForcedCall("force", 10, "GET /x", replace(exchange(Arm.CONTROL), request=asked))
    assert decode(encode(call)) == call


@given(st.dictionaries(st.integers(-1, 1600), st.integers(0, 2**53)), st.binary(max_size=40), st.text(max_size=20))
def test_any_histogram_and_any_body_come_back(bins: dict[int, int], body: bytes, name: str) -> None:
    cell = LoadCell(name, "control", 1, 0, 0, 1, 0, 0, intended=bins, sent={}, server=bins)
    block = LoadBlock(10, 0, "mixed", name, (cell,))
    assert decode(encode(block)) == block
    answer = Answer(200, (("a", name),), base64.b64encode(body).decode(), body_is_base64=True)
    call = ForcedCall("force", 10, name, replace(exchange(Arm.CONTROL), answer=answer))
    found = decode(encode(call))
    assert found == call
    assert answer.raw == body


@pytest.mark.parametrize("bins", [{1601: 1}, {5: -1}, {5: 2**70}])
def test_a_histogram_that_cannot_be_is_no_record(bins: dict[int, int]) -> None:
    cell = LoadCell("GET /x", "control", 1, 0, 0, 1, 0, 0, intended=bins, sent={}, server={})
    with pytest.raises(ValueError, match=r"bins can be -1 to 1600|valid integer"):
        decode(encode(LoadBlock(10, 0, "mixed", "w0", (cell,))))


def test_every_kind_of_record_is_among_those_tried() -> None:
    assert {type(record) for record in RECORDS} == set(get_args(Record))


def test_a_record_that_the_disk_takes_half_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_write, full = os.write, True

    def write(descriptor: int, line: bytes) -> int:
        if full and len(line) < 20:
            raise OSError(28, "No space left on device")
        return really_write(descriptor, line[:-10] if full else line)

    with EvidenceWriter(tmp_path, "main") as writer:
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(EvidenceError, match="No space left"):
            writer.append(RECORDS[1])
        full = False
        writer.append(RECORDS[5])
    content = read_file(writer.path)
    assert content.records == (RECORDS[5],)
    assert not content.torn


def test_a_record_that_is_taken_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_write = os.write
    with EvidenceWriter(tmp_path, "main") as writer:
        monkeypatch.setattr(os, "write", lambda descriptor, line: really_write(descriptor, line[:7]))
        writer.append(RECORDS[0])
    assert read_file(writer.path).records == (RECORDS[0],)


def test_a_file_that_cannot_be_saved_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a", b"old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(EvidenceError, match="No space left"):
        save(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_manifest_of_another_version_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text('{"schema": "release-gate-evidence/99", "new": 1}', encoding="utf-8")
    with pytest.raises(EvidenceError, match="has schema 'release-gate-evidence/99'"):
        read_run(tmp_path)


def test_a_run_is_read_back_whole(tmp_path: Path) -> None:
    start_run(tmp_path, manifest(), CATALOG, Policy())
    with EvidenceWriter(tmp_path, "main") as writer:
        for record in RECORDS:
            writer.append(record)
    run = read_run(tmp_path)
    assert run.catalog == CATALOG
    assert run.policy == Policy()
    assert run.evidence.manifest == manifest()
    assert run.evidence.comparisons == (RECORDS[0],)
    assert run.evidence.load_blocks == (BLOCKS[0],)
    assert run.evidence.leftovers == (Leftover(("rule 7",)),)
    assert run.evidence.torn_files == ()


def test_every_record_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    with EvidenceWriter(tmp_path, "main") as writer:
        for number, record in enumerate(RECORDS, start=1):
            writer.append(record)
            assert len(read_file(writer.path).records) == number


def test_a_torn_last_line_is_reported_and_what_came_before_is_kept(tmp_path: Path) -> None:
    start_run(tmp_path, manifest(), CATALOG, Policy())
    path = tmp_path / EVIDENCE_DIR / "gw0.jsonl"
    path.write_bytes(encode(RECORDS[1]) + encode(RECORDS[3])[:20])
    assert read_run(tmp_path).evidence.torn_files == ("gw0.jsonl",)
    assert read_run(tmp_path).evidence.exposures == (RECORDS[1],)


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b"[1]\n",
        b"no json\n",
        b'{"record": "Exposure"}\n',
        b'{"record": "Other"}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\n",
        b"\n",
    ],
)
def test_a_damaged_line_is_named_by_file_and_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "main.jsonl"
    path.write_bytes(encode(RECORDS[1]) + line)
    with pytest.raises(EvidenceError, match=r"main\.jsonl, line 2"):
        read_file(path)


def test_a_folder_without_a_run_or_with_a_broken_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"run\.json: cannot be read"):
        read_run(tmp_path)
    (tmp_path / RUN_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"run\.json: is damaged"):
        read_run(tmp_path)
    start_run(tmp_path, manifest(schema="release-gate-evidence/99"), CATALOG, Policy())
    with pytest.raises(EvidenceError, match="release-gate-evidence/99"):
        read_run(tmp_path)
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_file(tmp_path / "nothing.jsonl")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for write in (
        lambda: EvidenceWriter(tmp_path / "file", "main"),
        lambda: start_run(tmp_path / "file", manifest(), CATALOG, Policy()),
        lambda: save(tmp_path / "file" / "x", b""),
    ):
        with pytest.raises(EvidenceError, match="cannot be written"):
            write()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    save(tmp_path / "a", b"old")
    save(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    writer = EvidenceWriter(tmp_path, "main")
    writer.close()
    writer.close()
    with pytest.raises(EvidenceError, match="cannot be written"):
        writer.append(RECORDS[1])


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from verification.core.errors import EvidenceError
from verification.core.records import Exposure
from verification.evidence import EvidenceWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = EvidenceWriter(Path(sys.argv[1]), "main")
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
written = 0
try:
    for number in range(1_000):
        writer.append(Exposure(10, number, 0, 0))
        written += 1
except EvidenceError as error:
    print(written)
    print(error)
"""


def test_a_full_disk_is_one_clear_message_and_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk."""
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    written, message = done.stdout.splitlines()
    assert "cannot be written" in message
    assert "--run-dir" in message
    content = read_file(tmp_path / EVIDENCE_DIR / "main.jsonl")
    assert len(content.records) == int(written) > 10
