"""Change of the P95, candidate against control in the same time blocks: estimate, 95 % interval and verdict.

A fixed-horizon test: looked at once, at the end of a run. See `core.exceedance` for the statistic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from verification.core.exceedance import Stratum
from verification.core.histogram import INVALID_BIN, LOG_BIN
from verification.core.measured import Measured, change_of, critical, measure, median_change, quantile
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy
from verification.core.said import Said, say

__all__ = ["P95Change", "Stratum", "missing_for_proof", "p95_change"]

_POWER = 0.9
_USUAL_TAIL = 0.2
"""ln(q97 / q93) where nothing was measured yet: that of a log-normal law with a log-sigma of 0.5."""
_USUAL_INFLATION = 1.5
"""The variance used over that of independent requests with about 30 quiet blocks (simulated)."""
_NEAREST = math.log(1.02)
"""No plan for more requests aims at telling a change from its limit that is nearer than this."""


@dataclass(frozen=True, slots=True)
class P95Change:
    """What the load says about one scope. Changes are shares: 0.2 is 20 % slower."""

    control_p95_ms: float | None
    """All requests of the arm together; infinite when it lies among errors; None without requests."""
    candidate_p95_ms: float | None
    change: float | None
    """Candidate P95 / control P95 - 1; over several strata the common change that fits them best. None: not known."""
    low: float | None
    """Lower end of the 95 % interval of the change; -1 when the data set no lower end."""
    high: float | None
    """Upper end; infinite when the data set no upper end."""
    median_change: float | None
    control_p99_ms: float | None
    candidate_p99_ms: float | None
    requests_control: int
    requests_candidate: int
    blocks: int
    """Time blocks with both arms."""
    verdict: Verdict
    reason: str
    missing_per_arm: int
    """About how many more requests per arm a verdict needs; 0 when there is one or requests are not what lacks."""
    z_hold: float
    """Above 0: slower than the hold ratio, in standard errors."""
    z_rollback: float
    floor_applied: bool
    """A relative breach that is too small in ms to count."""
    tail_ratio: float | None
    """ln(q97 / q93) of control: how thin the tail is. The smaller, the fewer requests are needed."""
    testable: bool
    """Whether the data allow a test at all, whatever it says."""
    seen: str
    """The first half of the reason: what was measured."""
    decided_by: str | None = None
    """`sequential` or `fixed`, see `core.decision`; None where neither decided."""
    decided_after: int | None = None
    """Time blocks after which the sequential test decided."""
    e_value: float | None = None
    """Its evidence then."""


def p95_change(strata: Sequence[Stratum], policy: LatencyPolicy, *, alarm_alpha: float | None = None) -> P95Change:
    """Judge the P95 change that is common to `strata` (endpoints at stages; blocks in order of time).

    PROMOTE when a ratio of `hold_ratio` or more is rejected at `policy.alpha`; HOLD and ROLLBACK when a ratio of at
    most their margin is rejected at `alarm_alpha` (by default the same; the judge divides it by the number of tests
    that may alarm). Otherwise, and whenever the data do not allow a test, INCONCLUSIVE with what is missing.
    """
    measured = measure(strata, policy)
    verdict, cause, missing = _judge(measured, policy, policy.alpha if alarm_alpha is None else alarm_alpha)
    p95s = [quantile(arm, 0.95) for arm in (measured.control, measured.candidate)]
    change = change_of(measured, p95s[0], p95s[1])
    known = all(measured.requests)
    low, high = (measured.interval.low - 1, measured.interval.high - 1) if known else (None, None)
    floored = "" if verdict not in (Verdict.HOLD, Verdict.ROLLBACK) else floor_note(p95s[0], change, policy)
    if floored:
        verdict = Verdict.PROMOTE
    seen = _seen(change, low, high, measured)
    return P95Change(
        control_p95_ms=p95s[0],
        candidate_p95_ms=p95s[1],
        change=change,
        low=low,
        high=high,
        median_change=median_change(strata),
        control_p99_ms=quantile(measured.control, 0.99),
        candidate_p99_ms=quantile(measured.candidate, 0.99),
        requests_control=measured.requests[0],
        requests_candidate=measured.requests[1],
        blocks=measured.blocks,
        verdict=verdict,
        reason=say("{seen}{cause}{floored}", seen=seen, cause=cause, floored=floored),
        missing_per_arm=missing,
        z_hold=measured.z_hold,
        z_rollback=measured.z_rollback,
        floor_applied=bool(floored),
        tail_ratio=measured.tail_ratio,
        testable=not _obstacle(measured, policy)[0],
        seen=seen,
    )


def missing_for_proof(strata: Sequence[Stratum], policy: LatencyPolicy) -> int:
    """About how many more requests per arm tell the change of `strata` from the hold ratio; at least 1."""
    return _missing_for_proof(measure(strata, policy), policy)


def _judge(measured: Measured, policy: LatencyPolicy, alarm_alpha: float) -> tuple[Verdict, str, int]:
    """Verdict, the second half of its reason, and the missing requests per arm."""
    obstacle, missing = _obstacle(measured, policy)
    if obstacle:
        return Verdict.INCONCLUSIVE, obstacle, missing
    alarm, proof = (critical(1 - alpha, measured.blocks) for alpha in (alarm_alpha, policy.alpha))
    hold, rollback = (_percent(ratio - 1) for ratio in (policy.hold_ratio, policy.rollback_ratio))
    if measured.z_rollback > alarm:
        return Verdict.ROLLBACK, say("more than {rollback} is proven", rollback=rollback), 0
    if measured.z_hold < -proof:
        return Verdict.PROMOTE, say("less than {hold} is proven", hold=hold), 0
    if measured.z_hold > alarm:
        reason = say("more than {hold} is proven, more than {rollback} is not", hold=hold, rollback=rollback)
        return Verdict.HOLD, reason, 0
    missing = _missing_for_proof(measured, policy)
    more = _more(missing, measured)
    reason = say("neither less nor more than {hold} is proven; {more}", hold=hold, more=more)
    return Verdict.INCONCLUSIVE, reason, missing


def _obstacle(measured: Measured, policy: LatencyPolicy) -> tuple[str, int]:
    """Why no test is allowed, with the missing requests per arm; an empty text when nothing stands against it."""
    control, candidate = measured.requests
    invalid = measured.control.get(INVALID_BIN, 0) + measured.candidate.get(INVALID_BIN, 0)
    if invalid:
        return say(
            "{count} times are no positive numbers, so the clock that took them cannot be believed", count=invalid
        ), 0
    if not (control and candidate):
        return say(
            "{control} requests on control and {candidate} on candidate: both are needed",
            control=control,
            candidate=candidate,
        ), _planned(measured, policy)
    if measured.blocks < policy.min_blocks:
        lacking = policy.min_blocks - measured.blocks
        # Without any shared block it is the design that lacks, not requests.
        missing = math.ceil(lacking * min(control, candidate) / measured.blocks) if measured.blocks else 0
        return say(
            "only {blocks} time blocks hold both arms, {needed} are needed",
            blocks=measured.blocks,
            needed=policy.min_blocks,
        ), missing
    share = measured.shared_requests / (control + candidate)
    if share < policy.min_shared_share:
        return say(
            "only {share:.0%} of the requests lie in blocks with both arms, {needed:.0%} must",
            share=share,
            needed=policy.min_shared_share,
        ), 0
    if measured.expected < policy.min_exceedances:
        growth = policy.min_exceedances / max(measured.expected, 1) - 1
        missing = max(math.ceil(min(control, candidate) * growth), _planned(measured, policy), 1)
        return say(
            "only {expected:.1f} slow candidate requests to be expected, {needed:.0f} needed; {more}",
            expected=measured.expected,
            needed=policy.min_exceedances,
            more=_more(missing, measured),
        ), missing
    return "", 0


def _missing_for_proof(measured: Measured, policy: LatencyPolicy) -> int:
    """More requests per arm to promote an unchanged release or, where those are there, to tell this one's change."""
    planned = _planned(measured, policy)
    if planned:
        return planned
    away = (
        abs(math.log(measured.interval.estimate / policy.hold_ratio)) if 0 < measured.interval.estimate < 1e9 else 0.0
    )
    return max(1, _planned(measured, policy, min(max(away, _NEAREST), math.log(policy.hold_ratio))))


def _planned(measured: Measured, policy: LatencyPolicy, distance: float | None = None) -> int:
    """Requests to add per arm so that a change `distance` (log) away from the hold ratio is told with 90 % power.

    n_C n_D / (n_C + n_D) >= 0.0475 (t_alpha + t_power)^2 / (g distance)^2 with g = 0.04 / ln(q97/q93), times the
    variance that the blocks showed beyond that of independent requests.
    """
    blocks = max(measured.blocks, policy.min_blocks)
    control, candidate = measured.requests
    tail = _USUAL_TAIL if measured.tail_ratio is None else max(measured.tail_ratio, LOG_BIN)
    distance = math.log(policy.hold_ratio) if distance is None else distance
    quantiles = critical(1 - policy.alpha, blocks) + critical(_POWER, blocks)
    needed = max(measured.inflation, _USUAL_INFLATION) * 0.0475 * (quantiles * tail / (0.04 * distance)) ** 2
    if control and control * candidate >= needed * (control + candidate):
        return 0
    # The positive root of (control + x)(candidate + x) = needed (control + candidate + 2x).
    half = (control + candidate) / 2 - needed
    product = control * candidate - needed * (control + candidate)
    return math.ceil(-half + math.sqrt(half * half - product))


def _more(missing: int, measured: Measured) -> Said:
    """What is missing in words, in requests and in time blocks at the present rate."""
    blocks = math.ceil(missing * measured.blocks / max(1, min(measured.requests)))
    return say(
        "about {missing} more requests per arm are needed ({blocks} more time blocks at this rate)",
        missing=missing,
        blocks=blocks,
    )


def _seen(change: float | None, low: float | None, high: float | None, measured: Measured) -> Said:
    """The first half of a reason: what was measured."""
    if change is None or low is None or high is None:
        return say("P95 change unknown: ")
    control, candidate = (_ms(quantile(arm, 0.95)) for arm in (measured.control, measured.candidate))
    return say(
        "P95 {control} on control, {candidate} on candidate, change {change} (95 % interval {low} to {high}): ",
        control=control,
        candidate=candidate,
        change=_percent(change),
        low=_percent(low),
        high=_percent(high),
    )


def _ms(value: float | None) -> str:
    return say("among errors") if value is None or value == math.inf else f"{value:.4g} ms"


def _percent(share: float) -> str:
    return f"{share * 100:+.1f} %" if abs(share) < 1e6 else say("without limit")


def floor_note(control_p95_ms: float | None, change: float | None, policy: LatencyPolicy) -> str:
    """Why a relative breach is passed: it is too small in ms to count. Empty where it does count.

    The least that counts is `floor_ms`, but never more than `floor_share` of the control P95.
    """
    if control_p95_ms is None or change is None or control_p95_ms == math.inf:
        return ""
    floor_ms = min(policy.floor_ms, policy.floor_share * control_p95_ms)
    if change * control_p95_ms >= floor_ms:
        return ""
    return say(", but by less than {floor_ms:.3g} ms, the least that counts; passed for that", floor_ms=floor_ms)
