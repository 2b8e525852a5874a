"""Exposure, forcing, drills and usage counters are measured by what the witness names."""

from __future__ import annotations

import httpx
import pytest

from tests.drive.service import CATALOG, ENDPOINT, Service
from verification.core.cases import Catalog
from verification.core.model import Arm
from verification.drive import flag
from verification.drive.probe import Prober

ONLY = Catalog((ENDPOINT,), CATALOG.resources, CATALOG.readings, {})


def served(*names: str | None) -> Service:
    """Unforced requests are served in this order, again and again."""
    turn = iter(names * 1000)

    def draw(request: httpx.Request) -> httpx.Response | None:
        if "force_domain" in request.url.params or request.url.path.startswith("/cameras"):
            return None
        name = next(turn)
        return httpx.Response(200, json={}, headers={} if name is None else {"x-served-by": name})

    return Service(interfere=draw)


def test_exposure_counts_what_the_witness_names() -> None:
    exposure = flag.measure_exposure(
        served("legacy", "legacy", "domain", None).caller(), 25, "/free/{subject}", requests=100
    )
    assert (exposure.legacy, exposure.domain, exposure.unknown) == (50, 25, 25)


def test_both_arms_are_forced_on_every_endpoint() -> None:
    service = Service()
    calls = list(flag.forced_calls(Prober(service.caller(), ONLY, "t", 1), ONLY, 10))
    assert [(call.exchange.arm, call.exchange.served_by) for call in calls] == [
        (Arm.CANDIDATE, "domain"),
        (Arm.CONTROL, "legacy"),
    ]
    assert service.cameras == {}


def test_the_drill_per_request_is_done_when_legacy_serves_every_endpoint() -> None:
    calls, drill = flag.roll_back_by_request(Prober(Service().caller(), ONLY, "t", 1), ONLY, 100)
    assert (drill.ok, len(calls)) == (True, 1)


def test_the_global_drill_fails_when_domain_still_serves() -> None:
    def domain(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/off"):
            return httpx.Response(200, json={}, headers={"x-served-by": "domain"})
        return None

    calls, drill = flag.roll_back_globally(Prober(Service(interfere=domain).caller(), ONLY, "t", 1), ONLY, 0, 2.0)
    assert (drill.ok, drill.detail) == (False, "0 of 1 endpoints served by legacy")
    assert drill.seconds is not None
    assert drill.seconds >= 2.0
    assert len(calls) == 1


@pytest.mark.parametrize("counted", [True, False])
def test_usage_is_the_difference_of_the_counters(counted: bool) -> None:
    seen = {"domain": 5, "legacy": 7}

    def count(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/metrics"):
            usage = {"usage_count": seen["domain"], "old_count": seen["legacy"]}
            return httpx.Response(200, json={"domain_service": usage} if counted else {"other": 1})
        name = "domain" if request.url.params.get("force_domain") == "true" else "legacy"
        seen[name] += 1
        return httpx.Response(200, json={}, headers={"x-served-by": name})

    forced, natural = flag.measure_usage(Service(interfere=count).caller(), 10, "/free", "/metrics", requests=10)
    assert (forced.witnessed_domain, forced.witnessed_legacy) == (5, 5)
    assert (natural.witnessed_domain, natural.witnessed_legacy) == (0, 10)
    expected = [(5, 5), (0, 10)] if counted else [(None, None), (None, None)]
    assert [(used.counted_domain, used.counted_legacy) for used in (forced, natural)] == expected
