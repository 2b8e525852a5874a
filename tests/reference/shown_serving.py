"""What shows the defects of serving: who answered, how often it failed, what calls in a row and at once come to."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from tests.reference.asking import Asker
from tests.reference.shown import RULE, both, shows


async def served_by(asker: Asker, method: str, path: str, arm: str | None = "domain") -> str:
    return str((await asker.ask(method, path, arm)).headers["x-served-by"])


@shows("fallback-always")
async def never_served(asker: Asker) -> bool:
    return await served_by(asker, "GET", "/cameras/oven/status") == "legacy"


@shows("fallback-one-endpoint")
async def once_never_served(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras/oven/status") == "domain"
    return await served_by(asker, "POST", "/cameras/refresh") == "legacy"


@shows("fallback-on-errors")
async def errors_never_served(asker: Asker) -> bool:
    assert await served_by(asker, "POST", "/cameras/refresh") == "domain"
    return await served_by(asker, "POST", "/cameras/oven/activate") == "legacy"


@shows("fallback-slow")
async def sometimes_not_served(asker: Asker) -> bool:
    served = [await served_by(asker, "GET", "/cameras/oven/status") for _ in range(100)]
    return 1 <= served.count("legacy") <= 20


@shows("force-false-ignored")
async def deaf_to_false(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras", "domain") == "domain"
    return "domain" in [await served_by(asker, "GET", "/cameras", "legacy") for _ in range(30)]


@shows("force-true-ignored")
async def deaf_to_true(asker: Asker) -> bool:
    assert await served_by(asker, "GET", "/cameras", "legacy") == "legacy"
    return "legacy" in [await served_by(asker, "GET", "/cameras", "domain") for _ in range(30)]


@shows("percent-ignored")
async def all_or_nothing(asker: Asker) -> bool:
    return {await served_by(asker, "GET", "/cameras", None) for _ in range(40)} == {"domain"}


@shows("percent-modulo")
async def out_of_a_thousand(asker: Asker) -> bool:
    served = [await served_by(asker, "GET", "/cameras", None) for _ in range(100)]
    return served.count("domain") < 25


@shows("sticky-routing")
async def ten_in_a_row(asker: Asker) -> bool:
    served = [await served_by(asker, "GET", "/cameras", None) for _ in range(100)]
    return sum(before != after for before, after in pairwise(served)) < 10


async def usage(asker: Asker) -> tuple[int, int]:
    counted = (await asker.ask("GET", "/monitoring/metrics")).json()["domain_service"]
    return counted["usage_count"], counted["old_count"]


@shows("witness-lies")
async def in_disguise(asker: Asker) -> bool:
    said = await served_by(asker, "GET", "/cameras/oven/stats")
    return (said, await usage(asker)) == ("domain", (0, 1))


@shows("counter-stuck")
async def counted_for_nobody(asker: Asker) -> bool:
    said = await served_by(asker, "GET", "/cameras/oven/stats")
    return (said, await usage(asker)) == ("domain", (0, 0))


@shows("usage-counts-forced-only")
async def uncounted(asker: Asker) -> bool:
    for arm in ("legacy", "domain", None, None):
        await asker.ask("GET", "/cameras", arm)
    used = (await asker.ask("GET", "/monitoring/metrics")).json()["domain_service"]
    return bool(used["usage_count"] + used["old_count"] == 2)


@shows("metrics-without-times")
async def timeless(asker: Asker) -> bool:
    return "response_time" not in (await asker.ask("GET", "/monitoring/metrics")).json()


@shows("health-degrades")
async def sick(asker: Asker) -> bool:
    assert (await asker.ask("GET", "/monitoring/health")).json()["status"] == "healthy"
    await asker.ask("GET", "/cameras", "domain")
    return bool((await asker.ask("GET", "/monitoring/health")).json()["status"] == "degraded")


async def failing_share(asker: Asker) -> float:
    answers = [await both(asker, "GET", "/cameras/oven/status") for _ in range(400)]
    assert {legacy.status_code for legacy, _ in answers} == {200}
    assert {domain.headers["x-served-by"] for _, domain in answers} == {"domain"}
    return sum(domain.status_code == 500 for _, domain in answers) / len(answers)


@shows("errors-2-percent")
async def fails_seldom(asker: Asker) -> bool:
    return 0.005 < await failing_share(asker) < 0.04


@shows("errors-8-percent")
async def fails_often(asker: Asker) -> bool:
    return 0.05 < await failing_share(asker) < 0.12


@shows("reactivated-will-not-start")
async def stays_off(asker: Asker) -> bool:
    await asker.make_camera("oven")
    for step in ("deactivate", "activate"):
        await asker.ask("POST", f"/cameras/oven/{step}", "domain")
    return (await asker.ask("POST", "/cameras/oven/start", "domain")).status_code == 400


@shows("stale-active-flag")
async def starts_inactive(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/activate", "domain")
    await asker.ask("POST", "/cameras/oven/deactivate", "legacy")
    return (await asker.ask("POST", "/cameras/oven/start", "domain")).status_code == 200


async def rule(asker: Asker, rule_id: int) -> dict[str, Any]:
    items = (await asker.ask("GET", "/alerts/rules", "legacy")).json()["items"]
    return next(item for item in items if item["id"] == rule_id)


@shows("rule-from-memory")
async def brings_back(asker: Asker) -> bool:
    made = (await asker.ask("POST", "/alerts/rules", "legacy", json=RULE)).json()["id"]
    for arm, change in (("domain", {"priority": "low"}), ("legacy", {"priority": "high"}), ("domain", {"name": "new"})):
        await asker.ask("PUT", f"/alerts/rules/{made}", arm, json=change)
    return bool((await rule(asker, made))["priority"] == "low")


@shows("repeat-taken-for-same")
async def creates_once(asker: Asker) -> bool:
    made = [(await asker.ask("POST", "/alerts/rules", "domain", json=RULE)).json()["id"] for _ in range(2)]
    return bool(made[0] == made[1])


@shows("started-twice")
async def starts_both(asker: Asker) -> bool:
    await asker.make_camera("oven")
    answers = await asyncio.gather(*(asker.ask("POST", "/cameras/oven/start", "domain") for _ in range(2)))
    return all("cmd" in answer.json() for answer in answers)


@shows("rule-lost-update")
async def loses_one(asker: Asker) -> bool:
    made = (await asker.ask("POST", "/alerts/rules", "legacy", json=RULE)).json()["id"]
    changes: tuple[dict[str, Any], ...] = ({"priority": "low"}, {"recipients": ["night"]})
    await asyncio.gather(*(asker.ask("PUT", f"/alerts/rules/{made}", "domain", json=change) for change in changes))
    kept = await rule(asker, made)
    return (kept["priority"], kept["recipients"]) != ("low", ["night"])
