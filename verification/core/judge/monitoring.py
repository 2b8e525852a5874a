"""What the backend tells of itself -> findings: shape, health, consistency, and its counters as the second witness."""

from __future__ import annotations

import json
from collections.abc import Iterator

from verification.core.model import Exchange, Finding, Json, Verdict
from verification.core.records import Monitoring, Usage
from verification.core.said import Said, joined, say

_HEALTH: dict[str, type] = {"status": str, "timestamp": str, "checks": dict}
_METRICS: dict[str, type] = {
    "timestamp": str,
    "requests": dict,
    "domain_service": dict,
    "response_time": dict,
    "errors": dict,
    "data_consistency": dict,
}
_BY_HEALTH = ("healthy", "degraded")
"""From best to worst; a word that the contract does not know is worse than both."""


def judge_usage(usage: Usage, *, owned: bool) -> Iterator[Finding]:
    """The backend's own counters are the second witness: they must have moved as the first one says."""
    is_natural = usage.kind == "natural"
    title = (
        "Usage counters against the witness (natural requests)"
        if is_natural
        else "Usage counters against the witness (forced requests)"
    )
    counted = {"domain": usage.counted_domain, "legacy": usage.counted_legacy}
    seen = {"domain": usage.witnessed_domain, "legacy": usage.witnessed_legacy}
    if None in counted.values():
        reason = "the metrics name no usage_count and old_count; count both implementations to have a second witness"
        yield Finding("monitoring.usage", Verdict.INCONCLUSIVE, title, reason, stage_percent=usage.stage_percent)
        return
    # Others use a named backend too, so there its counters may move further, never less.
    off = [
        name
        for name, value in counted.items()
        if value is None or (value != seen[name] if owned else value < seen[name])
    ]
    if not off and sum(value or 0 for value in counted.values()) < usage.sent:
        reason = say(
            "the counters moved by {counted} while {sent} requests {whose} were sent: they leave some out",
            counted=counted,
            sent=usage.sent,
            whose=say("that the flag routed") if is_natural else say("that were forced"),
        )
        yield Finding("monitoring.usage", Verdict.INCONCLUSIVE, title, reason, stage_percent=usage.stage_percent)
    if off:
        shown = [
            say("{name}: counted {counted}, witnessed {seen}", name=name, counted=counted[name], seen=seen[name])
            for name in off
        ]
        reason = say("the two witnesses disagree ({shown})", shown=joined(", ", shown))
        yield Finding("monitoring.usage", Verdict.INCONCLUSIVE, title, reason, stage_percent=usage.stage_percent)


def judge_monitoring(looks: tuple[Monitoring, ...]) -> Iterator[Finding]:
    """Shape of both endpoints at every look, health, and whether the data became inconsistent."""
    before = next((look for look in looks if look.moment == "before"), None)
    for look in looks:
        for name, exchange, fields in (("health", look.health, _HEALTH), ("metrics", look.metrics, _METRICS)):
            wrong = _wrong_shape(exchange, fields)
            if wrong:
                title = say("Monitoring {name}", name=name)
                reason = say(
                    "/monitoring/{name} before: {wrong}"
                    if look.moment == "before"
                    else "/monitoring/{name} after: {wrong}"
                    if look.moment == "after"
                    else "/monitoring/{name} {moment}: {wrong}",
                    name=name,
                    moment=Said(look.moment),
                    wrong=wrong,
                )
                yield Finding("monitoring.shape", Verdict.HOLD, title, reason, stage_percent=look.stage_percent)
        yield from _judge_health(look, before)
        yield from _judge_consistency(look, before)


def _wrong_shape(exchange: Exchange, fields: dict[str, type]) -> str | None:
    """How the answer departs from what the contract promises; None when it does not."""
    if exchange.answer is None:
        return say("no answer ({failure})", failure=exchange.failure)
    body, status = _object(exchange), exchange.answer.status
    missing = sorted(fields.keys() - body.keys())
    if missing:
        return say("status {status}, without {missing}", status=status, missing=", ".join(missing))
    odd = [name for name, kind in fields.items() if not isinstance(body[name], kind)]
    state = body.get("data_consistency")
    if isinstance(state, dict) and not isinstance(state.get("consistent"), bool):
        odd.append("data_consistency.consistent")
    if odd:
        return say("status {status}, of another type: {odd}", status=status, odd=", ".join(odd))
    return None if status == 200 else say("status {status} instead of 200", status=status)


def _judge_health(look: Monitoring, before: Monitoring | None) -> Iterator[Finding]:
    now, then = _health(look), _health(before)
    if now is None or now == "healthy":
        return
    if look.moment == "before":
        verdict, words = Verdict.INCONCLUSIVE, say("before anything was sent")
    elif then is None:
        verdict, words = Verdict.INCONCLUSIVE, say("what it said before is not known")
    elif _gravity(now) > _gravity(then):
        verdict, words = Verdict.ROLLBACK, say("it was {then} before", then=then)
    else:
        verdict, words = Verdict.INCONCLUSIVE, say("it was {then} before already", then=then)
    reason = say(
        "health says {now!r} before, {words}"
        if look.moment == "before"
        else "health says {now!r} after, {words}"
        if look.moment == "after"
        else "health says {now!r} {moment}, {words}",
        now=now,
        moment=Said(look.moment),
        words=words,
    )
    yield Finding("monitoring.health", verdict, "Health of the backend", reason, stage_percent=look.stage_percent)


def _health(look: Monitoring | None) -> str | None:
    status = _object(look.health).get("status") if look else None
    return status if isinstance(status, str) else None


def _gravity(status: str) -> int:
    return _BY_HEALTH.index(status) if status in _BY_HEALTH else len(_BY_HEALTH)


def _judge_consistency(look: Monitoring, before: Monitoring | None) -> Iterator[Finding]:
    now, then = _consistency(look), _consistency(before)
    if now is None or now["consistent"]:
        return
    if look.moment == "before":
        verdict, words = Verdict.INCONCLUSIVE, say("bad before anything was sent")
    elif then is None:
        verdict, words = Verdict.INCONCLUSIVE, say("bad, and how it was before is not known")
    elif then["consistent"] or _more_issues(now, then):
        verdict, words = Verdict.ROLLBACK, say("got worse during the run")
    else:
        verdict, words = Verdict.INCONCLUSIVE, say("was bad before the run already")
    reason = say(
        "data_consistency {words}: {issues} issues, {database} in the database, {file} in the file",
        words=words,
        issues=now.get("issues_count"),
        database=now.get("db_count"),
        file=now.get("yaml_count"),
    )
    yield Finding(
        "monitoring.consistency", verdict, "Consistency of the data", reason, stage_percent=look.stage_percent
    )


def _more_issues(now: dict[str, Json], before: dict[str, Json]) -> bool:
    new, old = now.get("issues_count"), before.get("issues_count")
    return isinstance(new, int) and isinstance(old, int) and new > old


def _consistency(look: Monitoring | None) -> dict[str, Json] | None:
    """What the metrics tell of the data; None where they do not tell whether it is consistent."""
    state = _object(look.metrics).get("data_consistency") if look else None
    return state if isinstance(state, dict) and isinstance(state.get("consistent"), bool) else None


def _object(exchange: Exchange) -> dict[str, Json]:
    if exchange.answer is None or exchange.answer.body_is_base64:
        return {}
    try:
        body = json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
