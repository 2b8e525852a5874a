"""What the flag does: the share it draws, whether forcing an arm is obeyed, and whether both ways back work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from verification.core.arms import implementation
from verification.core.cases import Catalog
from verification.core.documents import member
from verification.core.model import Arm, Implementation, Json, Request
from verification.core.records import Drill, Exposure, ForcedCall, Usage
from verification.drive.caller import Caller, json_body
from verification.drive.probe import Prober
from verification.drive.target import EmbeddedTarget

EXPOSURE_REQUESTS = 300
USAGE_REQUESTS = 40
BROKEN_PERCENTS = ("101", "-1", "ten")
_IN_A_ROW = 10


def measure_exposure(caller: Caller, stage_percent: int, path: str, requests: int = EXPOSURE_REQUESTS) -> Exposure:
    """Unforced reads of `path`, which needs no twin, counted by the implementation that the witness names.

    The same resource is asked ten times in a row, then the next one: routing that sticks to a resource, to a
    connection or to a moment shows in how seldom the implementation changes.
    """
    order = [_served(caller, path, force=None, subject=number // _IN_A_ROW) for number in range(requests)]
    served = Counter(order)
    named = [one for one in order if one is not None]
    return Exposure(
        stage_percent,
        legacy=served[Implementation.LEGACY],
        domain=served[Implementation.DOMAIN],
        unknown=served[None],
        switches=sum(before is not after for before, after in pairwise(named)),
    )


def _served(caller: Caller, path: str, *, force: Arm | None, subject: int = 0) -> Implementation | None:
    request = Request("GET", path.replace("{subject}", str(subject)))
    exchange = caller.call(request, force or Arm.CONTROL, force=force is not None)
    return implementation(exchange.served_by)


def forced_calls(prober: Prober, catalog: Catalog, stage_percent: int) -> Iterator[ForcedCall]:
    """Every endpoint with the arm forced both ways."""
    for endpoint in catalog.endpoints:
        for arm in (Arm.CANDIDATE, Arm.CONTROL):
            yield ForcedCall("force", stage_percent, endpoint.id, prober.call_once(endpoint, arm, force=True))


def roll_back_by_request(prober: Prober, catalog: Catalog, stage_percent: int) -> tuple[list[ForcedCall], Drill]:
    """The instant way back: every endpoint with `force_domain=false` while the flag stays as it is."""
    started = time.monotonic()
    calls = [
        ForcedCall("rollback-request", stage_percent, endpoint.id, prober.call_once(endpoint, Arm.CONTROL, force=True))
        for endpoint in catalog.endpoints
    ]
    return calls, _drill("rollback-request", stage_percent, calls, time.monotonic() - started)


def roll_back_globally(
    prober: Prober, catalog: Catalog, stage_percent: int, restart_s: float
) -> tuple[list[ForcedCall], Drill]:
    """The way back for everyone, after a restart without the flag: legacy must serve every unforced endpoint."""
    started = time.monotonic()
    calls = [
        ForcedCall("rollback-global", stage_percent, endpoint.id, prober.call_once(endpoint, Arm.CONTROL, force=False))
        for endpoint in catalog.endpoints
    ]
    return calls, _drill("rollback-global", stage_percent, calls, restart_s + time.monotonic() - started)


def _drill(name: str, stage_percent: int, calls: list[ForcedCall], seconds: float) -> Drill:
    back = sum(implementation(call.exchange.served_by) is Implementation.LEGACY for call in calls)
    detail = f"{back} of {len(calls)} endpoints served by legacy"
    return Drill(name, stage_percent, back == len(calls), round(seconds, 3), detail)


def refuse_broken_percents(target: EmbeddedTarget) -> Drill:
    """A backend must not start with a percent that is none; taking it for 100 would expose everyone."""
    answers = {percent: target.refuses(percent) for percent in BROKEN_PERCENTS}
    detail = "; ".join(f"{percent}: {said}" for percent, (_, said) in answers.items())
    return Drill("refuse-percent", 0, all(refused for refused, _ in answers.values()), None, detail)


def measure_usage(
    caller: Caller, stage_percent: int, path: str, metrics: str, requests: int = USAGE_REQUESTS
) -> list[Usage]:
    """Move the backend's own usage counters by a known number of requests, first forced, then drawn by the flag."""
    measured = []
    for kind in ("forced", "natural"):
        before = usage_counters(caller, metrics)
        served: Counter[Implementation | None] = Counter()
        for number in range(requests):
            force = None if kind == "natural" else (Arm.CANDIDATE, Arm.CONTROL)[number % 2]
            served[_served(caller, path, force=force)] += 1
        after = usage_counters(caller, metrics)
        domain, legacy = (
            None if new is None or old is None else new - old for old, new in zip(before, after, strict=True)
        )
        measured.append(
            Usage(
                stage_percent,
                kind,
                served[Implementation.DOMAIN],
                served[Implementation.LEGACY],
                domain,
                legacy,
                requests,
            )
        )
    return measured


def usage_counters(caller: Caller, metrics: str) -> tuple[int | None, int | None]:
    """(domain, legacy) as the backend's metrics count them; None what they do not tell."""
    return usage_in(json_body(caller.call(Request("GET", metrics), Arm.CONTROL, force=False)))


def usage_in(metrics: Json) -> tuple[int | None, int | None]:
    """The same of metrics that are there already."""
    domain, legacy = (member(metrics, f"domain_service.{name}") for name in ("usage_count", "old_count"))
    return (domain if isinstance(domain, int) else None), (legacy if isinstance(legacy, int) else None)
