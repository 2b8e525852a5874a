"""Allure results, when asked for: one for each judged item, its reasons in the status, the run as parameters."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Label, Parameter, Status, StatusDetails, TestResult

from verification.core.judgement import Judgement
from verification.core.model import Verdict
from verification.reporting import plain
from verification.reporting.junit import JudgedItem, judged_items

_STATUS = {
    Verdict.PROMOTE: Status.PASSED,
    Verdict.INCONCLUSIVE: Status.BROKEN,
    Verdict.HOLD: Status.FAILED,
    Verdict.ROLLBACK: Status.FAILED,
}


def write_results(judgement: Judgement, folder: Path) -> None:
    """Write the result files into the folder, which `allure serve` reads."""
    logger: Any = AllureFileLogger(str(folder))  # type: ignore[no-untyped-call]  # the package has no types
    for item in judged_items(judgement):
        logger.report_result(_result(item, judgement))


def _result(item: JudgedItem, judgement: Judgement) -> TestResult:
    name = plain.visible(item.name)
    # The same item in two runs has one history, and within a run one identity: judging again replaces, never doubles.
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{judgement.manifest.run_id}/{item.group}/{name}")
    history = uuid.uuid5(uuid.NAMESPACE_OID, f"{item.group}/{name}")
    reasons = "\n".join(plain.visible(reason) for reason in item.reasons)
    return TestResult(
        uuid=str(identity),
        historyId=history.hex,
        name=name,
        fullName=f"gate.{item.group}.{name}",
        status=_STATUS[item.verdict],
        statusDetails=StatusDetails(message=reasons or None),
        labels=[Label(name="parentSuite", value="release gate"), Label(name="suite", value=item.group)],
        parameters=[
            Parameter(name="run", value=judgement.manifest.run_id),
            Parameter(name="seed", value=str(judgement.manifest.seed)),
            Parameter(name="verdict", value=item.verdict.value),
        ],
    )
