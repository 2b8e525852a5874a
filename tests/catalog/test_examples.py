"""The catalogs of the examples can be loaded, and ask enough to say something."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.catalog.load import load_catalog

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(("name", "writing"), [("datasette", 0), ("jupyter-server", 10)])
def test_an_example_asks_enough_endpoints_and_cases(name: str, writing: int) -> None:
    catalog = load_catalog(EXAMPLES / name / "catalog")
    by_hand = [case for endpoint in catalog.endpoints for case in endpoint.cases if not case.derived]
    assert len(catalog.endpoints) >= 6
    assert len(by_hand) >= 15
    assert any(case.status is not None and case.status >= 400 for case in by_hand)
    assert sum(endpoint.writes for endpoint in catalog.endpoints) == writing


@pytest.mark.parametrize("name", ["datasette", "jupyter-server"])
def test_the_two_sides_of_an_example_differ_in_one_release_and_are_pinned_whole(name: str) -> None:
    control, candidate = (_pins(EXAMPLES / name / f"requirements-{side}.txt") for side in ("control", "candidate"))
    service = name.replace("-", "_")
    assert control[service] != candidate[service]
    shared = control.keys() & candidate.keys() - {service}
    assert {package for package in shared if control[package] != candidate[package]} == set()


def _pins(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    return dict(line.split("==") for line in lines)
