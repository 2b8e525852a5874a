"""Whether a probe proves anything: its arm, its situation, its readings. What proves nothing is never compared."""

from __future__ import annotations

from functools import partial

from verification.core.arms import is_fallback, is_proven
from verification.core.cases import Case, Catalog, Endpoint
from verification.core.memory import Memory
from verification.core.model import Arm, Exchange, Probe
from verification.core.said import joined, say
from verification.core.state import read, unreadable

ARM_OF_SIDE = {"control": Arm.CONTROL, "control-again": Arm.CONTROL, "candidate": Arm.CANDIDATE}
SERVER_FAILURE = 500


def unusable_control(
    catalog: Catalog, case: Case, controls: tuple[Probe, ...], candidate: Probe, memory: Memory
) -> tuple[str, str] | None:
    """Rule and reason why there is nothing to hold the candidate against; None when there is."""
    found = (
        memory.once("sickness", (case, probe), partial(_control_sickness, catalog, case, probe, memory))
        for probe in controls
    )
    sick = next(filter(None, found), None)
    sick = sick or _unread(catalog, candidate, ("before",), memory)
    if sick:
        return "control.unhealthy", sick
    unproven = next(filter(None, (unproven_by(catalog, probe) for probe in controls)), None)
    return ("witness.absent", unproven) if unproven else None


def _control_sickness(catalog: Catalog, case: Case, probe: Probe, memory: Memory) -> str | None:
    """Why the control arm did not show the situation that the case is about; None when it did."""
    exchange = probe.exchange
    if exchange is None or exchange.answer is None:
        return say("control gave no answer: {failure}", failure=exchange.failure if exchange else probe.failure)
    status = exchange.answer.status
    if case.status is not None and status != case.status:
        return say(
            "control answered {status}, the catalog expects {expected} for this case",
            status=status,
            expected=case.status,
        )
    if case.status is None and status >= SERVER_FAILURE:
        return say("control answered {status}", status=status)
    return _unread(catalog, probe, ("before", "after"), memory)


def _unread(catalog: Catalog, probe: Probe, moments: tuple[str, ...], memory: Memory) -> str | None:
    """Why a reading through control shows no state; None when all do. Two unreadable states would compare equal."""
    for reading in probe.readings:
        if reading.moment in moments:
            spec = catalog.readings[reading.name]
            reason = unreadable(spec, read(spec, probe, reading, memory))
            if reason:
                return say(
                    "the reading {reading!r} before the request ({side}) failed: {reason}"
                    if reading.moment == "before"
                    else "the reading {reading!r} after the request ({side}) failed: {reason}",
                    reading=reading.name,
                    side=probe.side,
                    reason=reason,
                )
    return None


def missing_readings(catalog: Catalog, endpoint: Endpoint, probe: Probe) -> str:
    """The readings that the catalog wants and the probe has not, in words; empty when none is missing."""
    crosses = endpoint.writes and not catalog.separate_state
    moments = ("before", "after", "cross") if crosses else ("before", "after")
    there = {(reading.name, reading.moment) for reading in probe.readings}
    missing = [(name, moment) for name in endpoint.reads for moment in moments if (name, moment) not in there]
    return joined(", ", [say("the reading {name!r} ({moment})", name=name, moment=moment) for name, moment in missing])


def candidate_failure(probe: Probe) -> str | None:
    """Why the request got no answer at all; None when it got one."""
    exchange = probe.exchange
    if exchange is not None and exchange.answer is None:
        return exchange.failure or "it did not say why"
    return None


def fell_back(probe: Probe) -> bool:
    """True when legacy answered the request that was put on candidate."""
    return probe.exchange is not None and is_fallback(probe.exchange)


def unproven_by(catalog: Catalog, probe: Probe) -> str | None:
    """What is wrong with the witnesses of the probe and of its readings; None when all agree with their arm."""
    own = ARM_OF_SIDE[probe.side]
    asked = [(own, probe.exchange)]
    asked += [(catalog.home(own), reading.exchange) for reading in probe.readings if reading.moment != "cross"]
    return next(filter(None, (disproof(arm, exchange) for arm, exchange in asked)), None)


def disproof(arm: Arm, exchange: Exchange | None) -> str | None:
    """Why the exchange is no proof that this arm answered; None when it is, or when nothing answered."""
    if exchange is None or exchange.answer is None:
        return None
    asked = {"method": exchange.request.method, "path": exchange.request.path}
    if exchange.arm is not arm:
        return say(
            "{method} {path} was put on {arm} instead of {owed}", **asked, arm=exchange.arm.value, owed=arm.value
        )
    if is_proven(exchange):
        return None
    return say(
        "{method} {path} was put on {arm}, its witness names nothing"
        if exchange.served_by is None
        else "{method} {path} was put on {arm}, its witness names {served!r}",
        **asked,
        arm=arm.value,
        served=exchange.served_by,
    )
