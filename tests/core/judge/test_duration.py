"""How long a run took is the time from its manifest to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.core.judge.builders import CATALOG, load_evidence, manifest, stage
from verification.core.judge import judge
from verification.core.judge.duration import duration_s
from verification.core.policy import Policy
from verification.core.records import Evidence, RunEnd

STARTED = datetime(2026, 11, 23, 10, tzinfo=UTC)


def run(*ends: datetime, started: str = "2026-11-23T10:00:00+00:00") -> Evidence:
    return Evidence(manifest(started_at=started), run_ends=tuple(map(RunEnd, ends)))


def test_the_time_from_the_manifest_to_the_end_is_the_duration() -> None:
    assert duration_s(run(STARTED + timedelta(seconds=90))) == 90.0


def test_of_several_ends_the_last_one_counts() -> None:
    assert duration_s(run(STARTED + timedelta(seconds=90), STARTED + timedelta(seconds=12))) == 90.0


def test_a_run_that_was_killed_has_no_duration() -> None:
    assert duration_s(run()) is None


def test_times_in_different_zones_are_one_time_line() -> None:
    ended = datetime(2026, 11, 23, 12, 1, tzinfo=timezone(timedelta(hours=2)))
    assert duration_s(run(ended)) == 60.0


@pytest.mark.parametrize("started", ["2026-11-23T10:00:00", "2026-11-23T10:00:00+00:00"])
def test_a_time_without_a_zone_is_taken_for_utc(started: str) -> None:
    assert duration_s(run(datetime(2026, 11, 23, 10, 0, 30), started=started)) == 30.0  # noqa: DTZ001  # that is the case


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    assert duration_s(run(STARTED - timedelta(hours=1))) == 0.0


def test_the_judgement_carries_it_and_the_verdict_does_not_depend_on_it() -> None:
    without = judge(load_evidence(stage()), CATALOG, Policy())
    with_end = judge(load_evidence(stage(), run_ends=(RunEnd(STARTED + timedelta(minutes=8)),)), CATALOG, Policy())
    assert (without.duration_s, with_end.duration_s) == (None, 480.0)
    assert without.verdict is with_end.verdict
