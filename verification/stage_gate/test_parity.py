"""Does the rewrite answer alike, and does it do the same to the state?"""

from __future__ import annotations

import pytest

from verification.core.cases import Case, Endpoint
from verification.core.judge.flag import judge_races
from verification.core.model import Arm
from verification.core.records import Evidence
from verification.gate import Gate

pytestmark = pytest.mark.stage_gate


def test_parity(gate: Gate, parity_case: tuple[Endpoint, Case]) -> None:
    endpoint, case = parity_case
    gate.require(gate.campaign.compare(endpoint, case))


def test_race(gate: Gate) -> None:
    rounds = tuple(found for arm in Arm for found in gate.campaign.race(arm))
    gate.require(list(judge_races(Evidence(gate.manifest, races=rounds))))
