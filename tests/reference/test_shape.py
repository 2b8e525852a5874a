"""A shape changes what a backend tells of itself, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.reference.asking import Asker, converse
from tests.reference.running import running
from verification.reference.defects import DEFECTS
from verification.reference.shape import DEFAULT_SHAPE, SHAPES

TELLTALES = {"x-served-by", "server-timing"}


async def headers_and_usage(asker: Asker) -> tuple[set[str], tuple[int, int]]:
    """Every header of forced, drawn and refused answers, and how far the usage counters went on six requests."""
    seen: set[str] = set()
    for method, path, arm in (
        ("GET", "/cameras", "legacy"),
        ("GET", "/cameras", "domain"),
        ("GET", "/cameras", None),
        ("GET", "/nothing", None),
        ("PUT", "/alerts/rules/0", "domain"),
        ("POST", "/cameras/nobody/activate", "legacy"),
    ):
        seen |= set((await asker.ask(method, path, arm)).headers)
    used: dict[str, Any] = (await asker.ask("GET", "/monitoring/metrics")).json()["domain_service"]
    return seen & TELLTALES, (used["usage_count"], used["old_count"])


@pytest.mark.parametrize(
    ("shape", "told", "counted"),
    [(DEFAULT_SHAPE, TELLTALES, 6), ("production", set(), 4), ("production-counting-all", set(), 6)],
)
def test_a_shape_decides_what_answers_and_counters_tell(
    tmp_path: Path, shape: str, told: set[str], counted: int
) -> None:
    seen, usage = converse(tmp_path, headers_and_usage, shape=shape)
    assert seen == told
    assert sum(usage) == counted


def test_in_production_each_forced_arm_is_counted_for_who_served_it(tmp_path: Path) -> None:
    async def talk(asker: Asker) -> Any:
        for arm in ("legacy", "domain", "domain", None, None, None):
            await asker.ask("GET", "/cameras", arm)
        return (await asker.ask("GET", "/monitoring/metrics")).json()

    metrics = converse(tmp_path, talk, shape="production")
    assert metrics["domain_service"] == {"usage_count": 2, "old_count": 1, "usage_rate": 66.667}
    assert metrics["requests"]["total"] == 6


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_no_seeded_defect_makes_production_tell_again(tmp_path: Path, name: str) -> None:
    async def talk(asker: Asker) -> set[str]:
        answers = [await asker.ask("GET", "/cameras", arm) for arm in ("legacy", "domain")]
        return {header for answer in answers for header in answer.headers} & TELLTALES

    assert converse(tmp_path, talk, defect=name, shape="production") == set()


def test_every_shape_is_explained_where_the_options_are() -> None:
    assert all(shape.told for shape in SHAPES.values())
    assert not SHAPES[DEFAULT_SHAPE].installs


def test_the_process_takes_its_shape_from_the_command_line_and_its_percent_from_the_environment() -> None:
    with running("--shape", "production", USE_DOMAIN_SERVICE="true", ROLLOUT_PERCENT="100") as backend:
        answer = backend.client.get("/api/v1/cameras/nobody/status")
        metrics = backend.client.get("/api/v1/monitoring/metrics").json()
    assert answer.status_code == 200
    assert not TELLTALES & set(answer.headers)
    assert metrics["domain_service"]["usage_count"] == metrics["domain_service"]["old_count"] == 0
