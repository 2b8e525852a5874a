"""Does the flag do what it says, and do both ways back work?"""

from __future__ import annotations

import pytest

from verification.core.cases import Endpoint
from verification.core.judge.flag import judge_drill, judge_exposure, judge_forced
from verification.core.judge.witness import judge_witness
from verification.gate import Gate

pytestmark = pytest.mark.stage_gate


def test_exposure(gate: Gate, percent: int) -> None:
    _, findings = judge_exposure(gate.campaign.expose(percent), "flag", gate.settings.rates)
    gate.require(list(findings))


def test_force(gate: Gate, percent: int) -> None:
    gate.require([finding for call in gate.campaign.force(percent) for finding in judge_forced(call)])


def test_witness(gate: Gate, endpoint: Endpoint) -> None:
    gate.require(list(judge_witness(gate.campaign.witness(endpoint), owned=gate.manifest.owned)))


def test_broken_percent_is_refused(gate: Gate) -> None:
    gate.needs("flag:refuse")
    gate.require(list(judge_drill(gate.campaign.refuse())))


def test_rollback_per_request(gate: Gate) -> None:
    gate.needs("rollback:request")
    gate.require(list(judge_drill(gate.campaign.roll_back_by_request())))


def test_rollback_for_everyone(gate: Gate) -> None:
    gate.needs("rollback:global")
    drill, _ = gate.campaign.roll_back_globally()
    gate.require(list(judge_drill(drill)))
