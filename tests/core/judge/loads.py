"""The load of stages as built, judged."""

from __future__ import annotations

from tests.core.judge.builders import load_evidence
from verification.core.judge.load import LoadJudgement, judge_load
from verification.core.model import Verdict
from verification.core.policy import Policy

POLICY = Policy()


def judged(*stages: object, **changes: object) -> LoadJudgement:
    return judge_load(load_evidence(*stages, **changes), POLICY)  # type: ignore[arg-type]  # stages as built


def rules(result: LoadJudgement) -> set[tuple[str, Verdict]]:
    return {(finding.rule, finding.verdict) for finding in result.findings}
