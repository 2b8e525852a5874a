"""(evidence, catalog, policy) -> judgement. The only place that decides; pure, so that a verdict can be recomputed."""

from __future__ import annotations

from verification.core.judge.verdict import judge, judge_stage

__all__ = ["judge", "judge_stage"]
