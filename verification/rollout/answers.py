"""What other tools are told of the release: Argo Rollouts, Flagger and Prometheus, each in its own words.

Everything is said from what the ledger holds. Where it cannot be read, the release is INCONCLUSIVE for that reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verification.core.errors import EvidenceError
from verification.core.judge.release import judge_stage
from verification.core.model import Finding, Verdict
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.core.release.events import Told
from verification.core.release.judgement import Action, StageJudgement
from verification.core.release.standing import Standing
from verification.rollout.ledger import Ledger
from verification.settings import Settings

SCHEMA = "gate/1"
MOST_REASONS, MOST_REASON_SIGNS, MOST_TOLD_SIGNS = 20, 500, 2000
OK, FORBIDDEN, UNAVAILABLE = 200, 403, 503
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_MORE_OF_THE_SAME_MENDS = frozenset({"release.missing", "latency.p95", "rates.errors"})
"""Findings that go away while observing goes on; any other INCONCLUSIVE one waits for a person."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Present:
    """The release at one moment; without a standing where the ledger could not be read."""

    judgement: StageJudgement
    standing: Standing | None = None

    @property
    def is_collecting(self) -> bool:
        """Whether nothing but time and further looks stands between the stage and its PROMOTE."""
        judged = self.judgement
        open_rules = {one.rule for one in judged.findings if one.verdict is Verdict.INCONCLUSIVE}
        is_open = judged.verdict is Verdict.INCONCLUSIVE and bool(judged.missing)
        return is_open and open_rules <= _MORE_OF_THE_SAME_MENDS

    @property
    def told(self) -> str:
        """Verdict, percent and the first reason, on one short line."""
        judged = self.judgement
        first = next(iter(reasons(judged)), "nothing speaks against it")
        return f"{judged.verdict.value} at {judged.percent} %: {first}"


def present(settings: Settings, now: datetime) -> Present:
    """Read the ledger of the settings and judge its present stage."""
    try:
        with Ledger(settings.release.ledger, create=False) as ledger:
            standing = ledger.standing()
            if wrong := ledger.broken():
                raise EvidenceError(f"{ledger.path}: {wrong[0]}. What it says cannot be believed.")
    except EvidenceError as error:
        finding = Finding("release.ledger", Verdict.INCONCLUSIVE, "Ledger", str(error))
        return Present(StageJudgement(0, Verdict.INCONCLUSIVE, (finding,), (), Action("wait", 0), ()))
    return Present(judge_stage(standing, settings.release.plan, settings.policy, now), standing)


def reasons(judged: StageJudgement) -> tuple[str, ...]:
    """Why the verdict is no better: each on one line, redacted and bounded."""
    return tuple(_line(reason) for reason in judged.reasons[:MOST_REASONS])


def _line(text: str) -> str:
    # Redacted before it is cut, or half a secret would look like none.
    line = visible(redact_text(text))
    return line if len(line) <= MOST_REASON_SIGNS else f"{line[: MOST_REASON_SIGNS - 1]}…"


def verdict(now: Present) -> Reply:
    """The document that an Argo web metric reads. Always 200: any other status would be an error of the measurement."""
    judged = now.judgement
    p95 = judged.figure("p95_change")
    found = {} if p95 is None else {"change": p95.value, "low": p95.low, "high": p95.high}
    document = {
        "schema": SCHEMA,
        "stage_percent": judged.percent,
        "verdict": judged.verdict.value,
        "promote": judged.verdict is Verdict.PROMOTE,
        "rollback": judged.verdict is Verdict.ROLLBACK,
        "reasons": list(reasons(judged)),
        "p95": {name: _finite(found.get(name)) for name in ("change", "low", "high")},
    }
    return Reply(OK, _JSON, json.dumps(document, ensure_ascii=False, allow_nan=False).encode())


def _finite(value: float | None) -> float | None:
    # JSON knows neither NaN nor infinity.
    return value if value is not None and math.isfinite(value) else None


def confirm(now: Present, metadata: Mapping[str, Any]) -> Reply:
    """confirm-rollout, confirm-traffic-increase, confirm-promotion: 200 goes on, 403 waits.

    A hook that names a `stage_percent` in its metadata is confirmed by the PROMOTE of that stage only.
    """
    wanted, judged = metadata.get("stage_percent"), now.judgement
    if wanted is not None and str(wanted) != str(judged.percent):
        return said(FORBIDDEN, f"the stage is at {judged.percent} %, and this hook waits for {_line(str(wanted))} %")
    return said(OK if judged.verdict is Verdict.PROMOTE else FORBIDDEN, now.told)


def check(now: Present) -> Reply:
    """rollout: 403 counts as a failed check. While a stage collects what the plan wants, there is no failure."""
    if now.is_collecting:
        return said(OK, f"collecting; {now.told}")
    return said(OK if now.judgement.verdict is Verdict.PROMOTE else FORBIDDEN, now.told)


def rollback(now: Present) -> Reply:
    """rollback, the inverse one: 200 means *roll back now*, so nothing but a ROLLBACK may ever be 200 here."""
    return said(OK if now.judgement.verdict is Verdict.ROLLBACK else FORBIDDEN, now.told)


def event(settings: Settings, at: datetime, body: Mapping[str, Any]) -> Reply:
    """event: what Flagger says of its canary is added to the ledger, without secrets and cut."""
    text = visible(redact_text(json.dumps(body, ensure_ascii=False)))[:MOST_TOLD_SIGNS]
    try:
        with Ledger(settings.release.ledger, create=False) as ledger:
            number = ledger.append(Told("flagger", text), at)
    except EvidenceError as error:
        return said(FORBIDDEN, _line(str(error)))
    return said(OK, f"line {number} of the ledger")


def metrics(now: Present) -> Reply:
    """Prometheus' text format. What is not known has no series; a scrape fails where the ledger cannot be read."""
    judged, standing = now.judgement, now.standing
    if standing is None:
        return said(UNAVAILABLE, now.told)
    p95 = judged.figure("p95_change")
    change = None if p95 is None or p95.value is None or math.isnan(p95.value) else p95.value
    last = max((look.at.timestamp() for look in standing.looks), default=None)
    meaning = ", ".join(f"{one.rank} {one.value}" for one in Verdict)
    rank = None if standing.began_at is None else judged.verdict.rank
    lines = [
        *_series("verdict", f"Verdict of the present stage: {meaning}.", rank, f'{{stage="{judged.percent}"}}'),
        *_series("p95_change_ratio", "Candidate P95 / control P95 - 1; above 0 is slower.", change),
        *_series("last_look_timestamp_seconds", "When the present stage was last looked at, in Unix time.", last),
    ]
    return Reply(OK, _PROMETHEUS, "".join(f"{line}\n" for line in lines).encode())


def _series(name: str, meaning: str, value: float | None, labels: str = "") -> list[str]:
    if value is None:
        return []
    number = str(value) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"
    full = f"release_gate_{name}"
    return [f"# HELP {full} {meaning}", f"# TYPE {full} gauge", f"{full}{labels} {number}"]


def said(status: int, text: str) -> Reply:
    """A short answer in words."""
    return Reply(status, _TEXT, f"{text}\n".encode())
