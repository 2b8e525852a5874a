"""Does the rewrite answer alike, and does it do the same to the state: alone, in a row, on turns, and at once?"""

from __future__ import annotations

import pytest

from verification.core.cases import Case, Endpoint
from verification.core.judge.races import judge_races
from verification.core.sequences import Sequence
from verification.gate import Gate

pytestmark = pytest.mark.stage_gate


def test_replay(gate: Gate, sequence: Sequence) -> None:
    """What earlier runs have found."""
    gate.require(gate.campaign.walk(sequence))


def test_search(gate: Gate, search_key: str) -> None:
    """Sequences drawn at random, on candidate or on both arms in turn, against control alone."""
    gate.require(gate.campaign.search(search_key))


def test_parity(gate: Gate, parity_case: tuple[Endpoint, Case]) -> None:
    """Every case of every endpoint: answers, state, and reads across arms."""
    endpoint, case = parity_case
    gate.require(gate.campaign.compare(endpoint, case))


def test_retry(gate: Gate, sequence: Sequence) -> None:
    """The same request twice, on one arm and on both."""
    gate.require(gate.campaign.walk(sequence))


def test_certificate(gate: Gate, sequence: Sequence) -> None:
    """What one arm wrote, read, changed and removed by the other: is going back safe?"""
    gate.require(gate.campaign.walk(sequence))


def test_race(gate: Gate, race: str) -> None:
    """Calls at the same moment: nothing comes of them that no order of them has."""
    gate.require(list(judge_races(gate.run.catalog, tuple(gate.campaign.race(race)))))
