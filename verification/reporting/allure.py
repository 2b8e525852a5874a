"""Allure results, when asked for: one for each judged item, its reasons in the status, both exchanges attached."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult

from verification.core.expectation import attempts_at, latest
from verification.core.judgement import Judgement
from verification.core.model import Comparison, Exchange, Verdict
from verification.core.records import Evidence
from verification.reporting import plain
from verification.reporting.judged_item import JudgedItem, judged_items

_STATUS = {
    Verdict.PROMOTE: Status.PASSED,
    Verdict.INCONCLUSIVE: Status.BROKEN,
    Verdict.HOLD: Status.FAILED,
    Verdict.ROLLBACK: Status.FAILED,
}


def write_results(judgement: Judgement, evidence: Evidence, folder: Path) -> None:
    """Write the result files into the folder, which `allure serve` reads. Judging again replaces them."""
    logger: Any = AllureFileLogger(str(folder))  # type: ignore[no-untyped-call]  # the package has no types
    attempts = latest(evidence.comparisons)
    for item in judged_items(judgement):
        result = _result(item, judgement)
        # Without a place for its random prefix, the file is named after the identity and replaced the next time.
        result.file_pattern = f"{result.uuid}-result.json"
        if item.verdict is not Verdict.PROMOTE:
            compared = attempts.get((item.endpoint or "", item.case or ""), [])
            for comparison in attempts_at(compared, item.repetition):
                result.attachments += list(_attach(logger, result.uuid, comparison))
        logger.report_result(result)


def _result(item: JudgedItem, judgement: Judgement) -> TestResult:
    name, manifest = plain.visible(item.name), judgement.manifest
    # The same item in two runs has one history, and within a run one identity: judging again replaces, never doubles.
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{plain.visible(manifest.run_id)}/{item.group}/{name}")
    parameters = {
        "endpoint": item.endpoint,
        "case": item.case,
        "stage": None if item.stage_percent is None else f"{item.stage_percent} %",
        "verdict": item.verdict.value,
    }
    return TestResult(
        uuid=str(identity),
        historyId=uuid.uuid5(uuid.NAMESPACE_OID, f"{item.group}/{name}").hex,
        name=name,
        fullName=f"gate.{item.group}.{name}",
        status=_STATUS[item.verdict],
        statusDetails=StatusDetails(message="\n".join(map(plain.block, item.reasons)) or None),
        labels=[Label(name="parentSuite", value="release gate"), Label(name="suite", value=item.group)],
        parameters=[
            *(
                Parameter(name=key, value=plain.visible(value))
                for key, value in parameters.items()
                if value is not None
            ),
            # What differs from run to run must not split the history.
            Parameter(name="run", value=plain.visible(manifest.run_id), excluded=True),
            Parameter(name="seed", value=str(manifest.seed), excluded=True),
        ],
        attachments=[],
    )


def _attach(logger: Any, identity: str, comparison: Comparison) -> Iterator[Attachment]:
    for side in ("control", "candidate"):
        probe = comparison.side(side)
        if probe is None or probe.exchange is None:
            continue
        source = f"{uuid.uuid5(uuid.UUID(identity), f'{side}/{comparison.attempt}')}-attachment.txt"
        logger.report_attached_data(_text(probe.exchange).encode("utf-8"), source)
        yield Attachment(name=f"{side}, attempt {comparison.attempt}", source=source, type="text/plain")


def _text(exchange: Exchange) -> str:
    """The exchange the way HTTP writes it, with the arm and the witness above."""
    request, answer = exchange.request, exchange.answer
    query = "&".join(f"{name}={value}" for name, value in request.query)
    lines = [
        f"arm {exchange.arm.value}, served by {exchange.served_by or 'nobody named'}, {exchange.elapsed_ms:.3g} ms",
        "",
        f"{request.method} {request.path}{'?' if query else ''}{query}",
        request.body or "",
        "",
    ]
    if answer is None:
        lines.append(f"no answer: {exchange.failure}")
    else:
        lines += [str(answer.status), *(f"{name}: {value}" for name, value in answer.headers), "", answer.body]
    return "\n".join(map(plain.block, lines)) + "\n"
