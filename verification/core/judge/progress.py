"""Whether the load of a stage has said enough to end early, and which endpoints have not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verification.core.decision import EARLY_SHARE, is_decided
from verification.core.interference import interference
from verification.core.judge.interference import blocks_of
from verification.core.judge.latency import JUDGED, Scope, alarm_tests, scopes_of, strata_of
from verification.core.judge.stage_load import STREAMS, StageLoad
from verification.core.model import Verdict
from verification.core.policy import Policy
from verification.core.rates import error_rate

LEAST_OF_A_KIND = 3
"""Natural and control-only blocks, without which exposure, what users feel and interference are not known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a stage still lacks; nothing: it may end."""

    open_endpoints: tuple[str, ...]
    """Endpoints whose P95 is not decided, over this stage and those before it."""
    lacking: tuple[str, ...]
    """What else is not decided, in words."""

    @property
    def decided(self) -> bool:
        """Whether everything is."""
        return not (self.open_endpoints or self.lacking)


def stage_progress(stages: Sequence[StageLoad], percent: int, policy: Policy, *, planned: int) -> Progress:
    """What the load of the stage at `percent` still lacks; `stages` holds it and those measured before it.

    `planned` is the number of stages above 0 % that the run will have, because alarms are corrected for all of them.

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

    def is_open(scope: Scope) -> bool:
        return any(not is_decided(scope.strata(known, clock), policy.latency, tests=tests[clock]) for clock in JUDGED)

    of_endpoints = [scope for scope in scopes if scope.must_be_proven and scope.endpoint in stage.endpoints]
    # What a cap holds back is not proven by waiting for it, nor by asking it more often.
    capped = stage.start.capped if stage.start is not None else ()
    undecided = [str(scope.endpoint) for scope in of_endpoints if scope.endpoint not in capped and is_open(scope)]
    whole = next(scope for scope in scopes if (scope.percent, scope.endpoint) == (percent, None))
    lacking = ["the P95 of all endpoints"] if is_open(whole) else []
    until_now = [one for one in stages if 0 < one.percent <= percent]
    return Progress(tuple(undecided), (*lacking, *_lacking(stage, until_now, policy)))


def _lacking(stage: StageLoad, until_now: Sequence[StageLoad], policy: Policy) -> list[str]:
    """What is not decided beside the P95."""
    found: list[str] = []
    for stream in STREAMS:
        counts = stage.sum(stream)
        bound = error_rate(counts.errors, counts.requests, policy.rates, prove=True, repeatedly=True)
        if bound.verdict is Verdict.INCONCLUSIVE:
            found.append(f"the error rate of {stream}")
    kinds = [stage.kind_of(block) for block in stage.seen]
    owed = [kind for kind in ("natural", "control") if stage.plans(kind)]
    found += [f"{kind} blocks" for kind in owed if kinds.count(kind) < LEAST_OF_A_KIND]
    beside = interference(
        [blocks_of(one) for one in until_now], policy.latency, alpha=EARLY_SHARE * policy.latency.alpha
    )
    if beside.verdict is not Verdict.PROMOTE:
        found.append("whether the candidate slows control")
    return found
