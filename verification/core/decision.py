"""The P95 verdict that the gate acts on: looked at after every block, and once more at the end of the plan.

A stage may end as soon as its e-processes have decided (`core.sequential`). Where it ran to the end of its plan, the
fixed-horizon test (`core.latency`), which needs fewer requests, is asked as well. Each has its share of alpha, so
together they err at most as often as alpha says, whenever the stage ended (union bound; compare Lan and DeMets,
Discrete sequential boundaries for clinical trials, Biometrika 1983, who spend alpha over looks in the same way).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verification.core.exceedance import Stratum
from verification.core.latency import P95Change, floor_note, missing_for_proof, p95_change
from verification.core.model import Verdict
from verification.core.policy import LatencyPolicy
from verification.core.said import say
from verification.core.sequential import SequentialDecision, decide

SEQUENTIAL, FIXED = "sequential", "fixed"
EARLY_SHARE = 0.25
"""Of alpha, for the sequential test: four times the evidence costs it a sixth more requests, while the fixed test
loses hardly any power."""
_ALARMS = (Verdict.ROLLBACK, Verdict.HOLD)


def decided_change(strata: Sequence[Stratum], policy: LatencyPolicy, *, tests: float, whole: bool) -> P95Change:
    """The P95 change that is common to `strata`, judged both ways.

    `tests` is how many scopes may alarm: HOLD and ROLLBACK are proven at alpha / `tests`, PROMOTE at alpha. `whole`
    tells that every stage of these strata ran to the end of its plan; otherwise only the sequential test counts.
    The worst alarm of either counts; without an alarm one proof is enough. A proof that the blocks gave must still hold
    at the last of them, at alpha: later stages may have been slower.
    """
    last, looks = _shared_out(policy)
    fixed = p95_change(strata, last, alarm_alpha=last.alpha / tests)
    # Whether the plan ended or was cut short, no further block comes: what the last one proves of HOLD counts.
    early = decide(strata, looks, alarm_alpha=looks.alpha / tests, at_horizon=True, kept_alpha=policy.alpha)
    if not fixed.testable:
        return fixed
    by_fixed = fixed.verdict if whole else Verdict.INCONCLUSIVE
    floored = floor_note(fixed.control_p95_ms, fixed.change, policy) if early.verdict in _ALARMS else ""
    by_early = Verdict.PROMOTE if floored else early.verdict
    for verdict in (*_ALARMS, Verdict.PROMOTE):
        if by_early is verdict:
            return _by_sequence(fixed, early, floored)
        if by_fixed is verdict:
            return replace(fixed, decided_by=FIXED)
    if fixed.verdict is Verdict.INCONCLUSIVE:
        return fixed
    missing = max(fixed.missing_per_arm, missing_for_proof(strata, policy))
    reason = say(
        "{seen}the stage ended before the time blocks had decided it; about {missing} more per arm would",
        seen=fixed.seen,
        missing=missing,
    )
    return replace(fixed, verdict=Verdict.INCONCLUSIVE, reason=reason, floor_applied=False, missing_per_arm=missing)


def _shared_out(policy: LatencyPolicy) -> tuple[LatencyPolicy, LatencyPolicy]:
    """The policy of the fixed test and that of the sequential one, each with its share of alpha."""
    shares = (1 - EARLY_SHARE, EARLY_SHARE)
    last, looks = (policy.model_copy(update={"alpha": policy.alpha * share}) for share in shares)
    return last, looks


def early_verdict(strata: Sequence[Stratum], policy: LatencyPolicy, *, tests: float) -> Verdict:
    """What ends the waiting for more blocks; INCONCLUSIVE while nothing does. `decided_change` then says the same.

    At the horizon that says more: that a ratio above the hold ratio is proven, and not whether it is above the other.
    """
    _, looks = _shared_out(policy)
    early = decide(strata, looks, alarm_alpha=looks.alpha / tests, at_horizon=False, kept_alpha=policy.alpha)
    if early.verdict is Verdict.INCONCLUSIVE:
        return early.verdict
    change = p95_change(strata, policy)
    if not change.testable:
        return Verdict.INCONCLUSIVE
    if early.verdict is Verdict.PROMOTE:
        return early.verdict
    floored = floor_note(change.control_p95_ms, change.change, policy)
    return Verdict.PROMOTE if floored else early.verdict


def _by_sequence(fixed: P95Change, early: SequentialDecision, floored: str) -> P95Change:
    e_value, proven = {
        Verdict.ROLLBACK: (early.e_rollback, say("more than the rollback margin is proven")),
        Verdict.HOLD: (early.e_hold, say("more than the hold margin is proven, more than the rollback margin is not")),
        Verdict.PROMOTE: (early.e_promote, say("less than the hold margin is proven")),
    }[early.verdict]
    reason = say(
        "{seen}{proven} after {block} time blocks (e-value {e_value:.3g}){floored}",
        seen=fixed.seen,
        proven=proven,
        block=early.block,
        e_value=e_value,
        floored=floored,
    )
    return replace(
        fixed,
        verdict=Verdict.PROMOTE if floored else early.verdict,
        reason=reason,
        missing_per_arm=0,
        floor_applied=bool(floored),
        decided_by=SEQUENTIAL,
        decided_after=early.block,
        e_value=e_value,
    )
