"""Sequences as data: groups of endpoints, the digest that names one, and what may be kept of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import CATALOG, OTHER, THING, endpoint
from verification.core.cases import Catalog, RequestSpec, Twin
from verification.core.model import Arm
from verification.core.redact import redact_text
from verification.core.sequences import (
    Passage,
    Sequence,
    SequenceComparison,
    Step,
    digest,
    groups,
    reads_of,
    redacted,
    trial_arms,
)

REQUEST = RequestSpec("POST", "/things", (("token", "abc"),), {"url": "rtsp://me:pass@host/x"}, has_body=True)
STEP = Step("plain", REQUEST, THING)
TWIN = Twin("thing", "thing", (), {"password": "hidden"})
SEQUENCE = Sequence("sequence:routed:things:1", (TWIN,), (STEP, STEP), (Arm.CONTROL, Arm.CANDIDATE), ("things",))


def test_endpoints_that_share_a_reading_are_one_group() -> None:
    apart = replace(endpoint("GET /else"), reads=("else",))
    catalog = Catalog((endpoint(), apart, endpoint(OTHER)), {}, CATALOG.readings, {})
    assert {name: [e.id for e in found] for name, found in groups(catalog).items()} == {
        "things": [THING, OTHER],
        "else": ["GET /else"],
    }
    assert reads_of(catalog, catalog.endpoints) == ("things",)


def test_an_endpoint_with_the_readings_of_two_groups_joins_them() -> None:
    first, second = replace(endpoint("GET /a"), reads=("a",)), replace(endpoint("GET /b"), reads=("b",))
    both = replace(endpoint("GET /c"), reads=("a", "b"))
    found = groups(Catalog((first, second, both), {}, {}, {}))
    assert [[e.id for e in members] for members in found.values()] == [["GET /a", "GET /b", "GET /c"]]


def test_an_endpoint_without_readings_meets_nothing() -> None:
    found = groups(Catalog((replace(endpoint(), reads=()), endpoint(OTHER)), {}, CATALOG.readings, {}))
    assert {name: [e.id for e in members] for name, members in found.items()} == {"things": [OTHER]}


@pytest.mark.parametrize(
    "other",
    [
        replace(SEQUENCE, given=()),
        replace(SEQUENCE, steps=(STEP, replace(STEP, title="other"))),
        replace(SEQUENCE, routing=(Arm.CANDIDATE, Arm.CANDIDATE)),
        replace(SEQUENCE, reads=()),
    ],
)
def test_a_digest_names_what_a_sequence_does_and_not_where_it_was_found(other: Sequence) -> None:
    assert digest(replace(SEQUENCE, key="replay:x")) == digest(SEQUENCE)
    assert digest(other) != digest(SEQUENCE)


def test_a_kept_sequence_holds_no_secret() -> None:
    raw = replace(STEP, request=replace(REQUEST, raw_body='{"password": "hidden"}'))
    kept = redacted(replace(SEQUENCE, steps=(STEP, raw)), redact_text)
    for secret in ("abc", "pass@", "hidden"):
        assert secret not in repr(kept)
    assert [step.endpoint for step in kept.steps] == [THING, THING]


def test_control_takes_every_step_of_its_own_passage() -> None:
    assert trial_arms(SEQUENCE, "candidate") == SEQUENCE.routing
    assert trial_arms(SEQUENCE, "control-again") == (Arm.CONTROL, Arm.CONTROL)


def test_a_side_that_was_not_walked_is_missing() -> None:
    walked = SequenceComparison(SEQUENCE, (Passage("control", (), (), ()),))
    assert walked.side("control") is walked.passages[0]
    assert walked.side("candidate") is None
