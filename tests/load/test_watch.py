"""What looks at a stage while it is measured reads what is complete, once, and nothing of another stage's workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loadtests.watch import Watch
from tests.core.judge.builders import manifest, stage
from verification.catalog.load import load_catalog
from verification.core.policy import Policy
from verification.evidence import EvidenceWriter, encode, start_run


def begun(run_dir: Path, stages: tuple[int, ...] = (10,)) -> None:
    owed = manifest(tuple(f"load:{percent}" for percent in stages), stages=stages)
    start_run(run_dir, owed, load_catalog(), Policy())


def test_each_look_adds_what_came_since_the_last_and_half_a_line_waits(tmp_path: Path) -> None:
    begun(tmp_path)
    start, blocks, _ = stage(requests=200)
    with EvidenceWriter(tmp_path, "load-010") as writer:
        writer.append(start)
        watch = Watch(tmp_path, "load-010", 10)
        assert not watch.look().ends_because
        for block in blocks[:10]:
            writer.append(block)
        early = watch.look()
        assert early.open_endpoints
        rest = b"".join(map(encode, blocks[10:]))
        with writer.path.open("ab") as file:
            file.write(rest[:40])
            file.flush()
            assert watch.look() == early
            file.write(rest[40:])
        assert watch.look().ends_because


def test_a_block_counts_once_all_workers_have_told_of_it(tmp_path: Path) -> None:
    begun(tmp_path)
    start, blocks, _ = stage(requests=200)
    with EvidenceWriter(tmp_path, "load-010") as writer:
        writer.append(replace(start, workers=2))
        for block in blocks:
            writer.append(block)
        watch = Watch(tmp_path, "load-010", 10)
        assert not watch.look().ends_because
        for block in blocks:
            writer.append(replace(block, worker="w1"))
        assert watch.look().ends_because


def test_stages_that_were_measured_before_count_for_their_endpoints(tmp_path: Path) -> None:
    begun(tmp_path, (10, 25))
    looks = []
    for built, name in ((stage(10, requests=200), "load-010"), (stage(25, requests=12), "load-025")):
        start, blocks, end = built
        with EvidenceWriter(tmp_path, name) as writer:
            writer.append(start)
            for block in blocks:
                writer.append(block)
            writer.append(end)
        looks.append(Watch(tmp_path, name, start.stage_percent).look())
    assert [look.open_endpoints for look in looks] == [(), ()]
