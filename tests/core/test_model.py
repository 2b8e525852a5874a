"""Verdicts are ordered, nothing at all is never a pass, and witnesses name an implementation or none."""

from __future__ import annotations

import pytest

from tests.core.judge.builders import CATALOG, OTHER
from verification.core.arms import DEFAULT_ROUTING, Marks, Routing, implementation, is_fallback, is_proven
from verification.core.model import Answer, Arm, Comparison, Exchange, Implementation, Request, Verdict, worst


def test_the_worst_verdict_wins_and_nothing_is_inconclusive() -> None:
    assert worst([Verdict.PROMOTE, Verdict.ROLLBACK, Verdict.HOLD]) is Verdict.ROLLBACK
    assert worst([Verdict.INCONCLUSIVE, Verdict.HOLD]) is Verdict.HOLD
    assert worst([Verdict.PROMOTE, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([]) is Verdict.INCONCLUSIVE


def test_exit_codes_leave_one_and_two_free() -> None:
    assert {verdict: verdict.exit_code for verdict in Verdict} == {
        "PROMOTE": 0,
        "HOLD": 10,
        "INCONCLUSIVE": 11,
        "ROLLBACK": 12,
    }


def test_a_body_gives_its_bytes_back() -> None:
    assert Answer(200, (), "ä").raw == b"\xc3\xa4"
    assert Answer(200, (), "/w==", body_is_base64=True).raw == b"\xff"


def test_the_first_header_of_a_name_is_found() -> None:
    answer = Answer(200, (("a", "1"), ("x-served-by", "domain"), ("a", "2")), "")
    assert answer.header("a") == "1"
    assert answer.header("b") is None


def test_a_comparison_knows_its_sides() -> None:
    assert Comparison("GET /x", "c", ()).side("control") is None


def test_an_arm_is_forced_by_its_query_and_none_leaves_it_to_the_flag() -> None:
    assert DEFAULT_ROUTING.marks(Arm.CONTROL) == Marks(query=(("force_domain", "false"),))
    assert DEFAULT_ROUTING.marks(Arm.CANDIDATE) == Marks(query=(("force_domain", "true"),))
    assert DEFAULT_ROUTING.marks(None) == Marks()


@pytest.mark.parametrize(
    ("routing", "marks", "told"),
    [
        (Routing("header", "X-Arm", "old", "new"), Marks(headers=(("X-Arm", "new"),)), "header X-Arm"),
        (Routing("cookie", "arm", "old", "new"), Marks(headers=(("cookie", "arm=new"),)), "cookie arm"),
        (Routing("path", "", "", "/v2"), Marks(prefix="/v2"), "a prefix of the path"),
        (Routing("url", "", "http://a", "http://b"), Marks(base_url="http://b"), "its base URL"),
        (Routing("query", "x", "0", "1"), Marks(query=(("x", "1"),)), "query parameter x"),
    ],
)
def test_an_arm_can_be_forced_in_any_declared_way(routing: Routing, marks: Marks, told: str) -> None:
    assert routing.marks(Arm.CANDIDATE) == marks
    assert routing.told == told
    assert routing.marks(None) == Marks(base_url="http://a" if routing.by == "url" else None)


@pytest.mark.parametrize(
    ("named", "expected"), [("domain", "domain"), (" Legacy ", "legacy"), ("x", None), (None, None)]
)
def test_a_witness_names_an_implementation_or_none(named: str | None, expected: str | None) -> None:
    assert implementation(named) == (Implementation(expected) if expected else None)


def test_an_arm_is_proven_by_its_own_implementation_only() -> None:
    def exchange(arm: Arm, named: str | None) -> Exchange:
        return Exchange(arm, Request("GET", "/"), Answer(200, (), ""), None, 1.0, named)

    assert is_proven(exchange(Arm.CONTROL, "legacy"))
    assert is_proven(exchange(Arm.CANDIDATE, "domain"))
    assert not is_proven(exchange(Arm.CONTROL, "domain"))
    assert is_fallback(exchange(Arm.CANDIDATE, "legacy"))
    assert not is_fallback(exchange(Arm.CONTROL, "legacy"))


def test_half_a_surrogate_pair_in_a_body_has_bytes_too() -> None:
    assert Answer(200, (), "a\ud800").raw == b"a\xed\xa0\x80"


def test_an_unknown_endpoint_is_a_key_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="GET /x"):
        CATALOG.endpoint("GET /x")
    assert CATALOG.endpoint(OTHER).id == OTHER
