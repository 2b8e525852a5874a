"""Whether the load of a stage has said enough to end early, and which endpoints have not.

Enough is a proven ROLLBACK, because no further request can take it back and users need none of them, or otherwise that
nothing is open any more. What a run owes as a whole, its endpoints above all, may be left to the stages that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verification.core.decision import EARLY_SHARE, early_verdict
from verification.core.interference import interference
from verification.core.judge.interference import blocks_of
from verification.core.judge.latency import JUDGED, Scope, alarm_tests, scopes_of, strata_of
from verification.core.judge.stage_load import STREAMS, StageLoad
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.rates import error_rate

LEAST_OF_A_KIND = 3
"""Natural and control-only blocks, without which exposure, what users feel and interference are not known."""
_MORE_THAN_ENOUGH = 10
"""Times the evidence that an error rate needs; unlike that of the P95 it is judged by the last request."""
OWN_SHARE = 0.5
"""Of a stage's plan, after which it leaves to later stages what is owed by all of them together: waiting for it in the
first would measure that one long and the others hardly at all."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a stage still lacks, or has proven already."""

    open_endpoints: tuple[str, ...]
    """Endpoints whose P95 is not decided, over this stage and those before it."""
    lacking: tuple[str, ...]
    """What else is not decided, in words."""
    rolled_back: str = ""
    """For what ROLLBACK is proven, in words; empty: for nothing."""
    leaves: bool = False
    """Whether open endpoints are left to the stages that follow."""

    @property
    def ends_because(self) -> str:
        """Why the stage may end, in words; empty: it may not."""
        if self.rolled_back:
            return f"ROLLBACK is proven for {self.rolled_back}"
        if self.lacking or (self.open_endpoints and not self.leaves):
            return ""
        number = len(self.open_endpoints)
        left = f"; left to the next stage: {number} endpoint{'s' * (number != 1)}" if number else ""
        return f"all that this stage owes is decided{left}"


def stage_progress(
    stages: Sequence[StageLoad], percent: int, policy: Policy, *, planned: int, is_last: bool
) -> Progress:
    """What the load of the stage at `percent` still lacks; `stages` holds it and those measured before it.

    `planned` is the number of stages above 0 % that the run will have, because alarms are corrected for all of them;
    `is_last` tells that none of them follows this one.

    Only tests that may be looked at after every block end a stage. Whether the candidate slows control beside it is
    asked by a test for a fixed time. So an alarm of it ends no stage; and it is excluded early only where it is so at a
    quarter of the level that the verdict needs.
    """
    stage = next((one for one in stages if one.percent == percent > 0), None)
    if stage is None:
        return Progress((), ("its first time block",))
    known, scopes = strata_of(stages), scopes_of(stages)

    endpoints = len({scope.endpoint for scope in scopes} - {None})
    tests = {clock: alarm_tests(planned, endpoints, clock) for clock in JUDGED}

    def verdicts(scope: Scope) -> set[Verdict]:
        return {early_verdict(scope.strata(known, clock), policy.latency, tests=tests[clock]) for clock in JUDGED}

    concerned = {scope: verdicts(scope) for scope in scopes if _concerns(scope, stage)}
    proven = [scope for scope, found in concerned.items() if scope.must_be_proven]
    # What a cap holds back is not proven by waiting for it, nor by asking it more often.
    capped = stage.start.capped if stage.start is not None else ()
    undecided = [scope for scope in proven if Verdict.INCONCLUSIVE in concerned[scope]]
    of_endpoints = [scope.endpoint for scope in undecided if scope.endpoint and scope.endpoint not in capped]
    lacking = ["the P95 of all endpoints"] if any(scope.endpoint is None for scope in undecided) else []
    leaves = not is_last and stage.start is not None and len(stage.seen) >= OWN_SHARE * len(stage.start.kinds)
    until_now = [] if leaves else [one for one in stages if 0 < one.percent <= percent]
    return Progress(
        tuple(of_endpoints),
        (*lacking, *_lacking(stage, policy), *_slows(until_now, policy)),
        _rolled_back(stage, concerned, policy),
        leaves,
    )


def _concerns(scope: Scope, stage: StageLoad) -> bool:
    """Whether the load of this stage can change what is said of a scope."""
    return scope.percent in (None, stage.percent) and scope.endpoint in (None, *stage.endpoints)


def _rolled_back(stage: StageLoad, concerned: Mapping[Scope, set[Verdict]], policy: Policy) -> str:
    """For what ROLLBACK is proven; a stage after the one that proved it still has blocks enough to be told of."""
    kinds = [stage.kind_of(block) for block in stage.seen]
    if kinds.count("mixed") < policy.latency.min_blocks:
        return ""
    # First, because errors are slow as well.
    if _fails(stage, policy):
        return "the error rate of candidate"
    slow = [scope.endpoint for scope, verdicts in concerned.items() if Verdict.ROLLBACK in verdicts]
    named = [endpoint for endpoint in slow if endpoint is not None]
    return f"the P95 of {named[0] if named else 'all endpoints'}" if slow else ""


def _fails(stage: StageLoad, policy: Policy) -> bool:
    """Whether candidate's error rate is proven to be too high, and to lie above control's; so well that the requests
    that are still under way cannot take it back."""
    candidate, control = (
        error_rate(
            counts.errors,
            counts.requests,
            policy.rates,
            prove=False,
            alarm_alpha=policy.rates.alpha / _MORE_THAN_ENOUGH,
            repeatedly=True,
        )
        for counts in (stage.sum("candidate"), stage.sum("control"))
    )
    return candidate.verdict is Verdict.ROLLBACK and candidate.low > control.high


def _lacking(stage: StageLoad, policy: Policy) -> list[str]:
    """What this stage itself has not decided beside the P95."""
    found: list[str] = []
    for stream in STREAMS:
        counts = stage.sum(stream)
        bound = error_rate(counts.errors, counts.requests, policy.rates, prove=True, repeatedly=True)
        if bound.verdict is Verdict.INCONCLUSIVE:
            found.append(f"the error rate of {stream}")
    kinds = [stage.kind_of(block) for block in stage.seen]
    owed = [kind for kind in ("natural", "control") if stage.plans(kind)]
    return found + [f"{kind} blocks" for kind in owed if kinds.count(kind) < LEAST_OF_A_KIND]


def _slows(until_now: Sequence[StageLoad], policy: Policy) -> list[str]:
    if not until_now:
        return []
    blocks = [blocks_of(one) for one in until_now]
    beside = interference(blocks, policy.latency, alpha=EARLY_SHARE * policy.latency.alpha)
    return [] if beside.verdict is Verdict.PROMOTE else ["whether the candidate slows control"]
