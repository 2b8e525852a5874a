"""Sequences that follow from the catalog: every write twice, every operation handed over, every case drawable."""

from __future__ import annotations

import pytest

from verification.catalog.load import load_catalog
from verification.catalog.placeholders import ABSENT, RUN, tokens_in
from verification.catalog.sequences import pool, sequences_of, templates, twins_of
from verification.core.expectation import sequence_keys
from verification.core.model import Arm
from verification.core.sequences import Sequence

CATALOG = load_catalog()
ALL = [sequence for kind in ("retry", "certificate") for sequence in sequences_of(CATALOG, kind)]


def test_what_is_owed_is_what_is_walked() -> None:
    owed = {key for key in sequence_keys(CATALOG) if not key.startswith("sequence:")}
    assert {sequence.key for sequence in ALL} == owed
    assert len(ALL) == len(owed)


def test_every_write_is_sent_twice_on_three_routings() -> None:
    retries = list(sequences_of(CATALOG, "retry"))
    writing = [endpoint.id for endpoint in CATALOG.endpoints if endpoint.writes]
    assert len(retries) == 3 * len(writing)
    assert all(len(sequence.steps) == 2 and Arm.CANDIDATE in sequence.routing for sequence in retries)


@pytest.mark.parametrize("sequence", ALL, ids=lambda sequence: sequence.key)
def test_a_sequence_names_only_what_it_is_given_or_learns(sequence: Sequence) -> None:
    known = {ABSENT, RUN, *(twin.token for twin in sequence.given)}
    for step in sequence.steps:
        assert tokens_in(step.request) <= known
        known |= {token for _, token in step.learns}
    assert sequence.reads


def test_the_certificate_hands_every_resource_over_both_ways() -> None:
    first = {(sequence.key.split(":")[1], sequence.routing[0]) for sequence in sequences_of(CATALOG, "certificate")}
    assert first == {(resource, arm) for resource in CATALOG.resources for arm in Arm}
    removing = [s for s in sequences_of(CATALOG, "certificate") if ":remove:" in s.key]
    assert [step.removes for sequence in removing for step in sequence.steps] == [None, RUN, None, RUN]


@pytest.mark.parametrize("endpoint", CATALOG.endpoints, ids=lambda endpoint: endpoint.id)
def test_every_case_written_by_hand_can_be_a_step(endpoint: object) -> None:
    found = next(item for item in CATALOG.endpoints if item is endpoint)
    tokens = pool(CATALOG.endpoints)
    for template in templates(found):
        bound = {token: tokens[resource][0] for token, resource in template.tokens}
        step = template.step(bound, 1)
        known = {ABSENT, RUN, *(token for twins in tokens.values() for token in twins)}
        assert tokens_in(step.request) <= known
        assert {twin.token for twin in twins_of([step], tokens)} >= tokens_in(step.request) - {ABSENT, RUN}
