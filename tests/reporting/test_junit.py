"""junit.xml parses, names every judged thing, and shows whatever is not PROMOTE as a failure."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.reporting import sample
from verification.core.judgement import CaseResult, Judgement
from verification.core.model import Finding, Verdict
from verification.reporting import junit
from verification.reporting.judged_item import judged_items


def cases(judged: Judgement) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(junit.render(judged))
    return {case.attrib["name"]: case for case in root.iter("testcase")}


def failure(case: ElementTree.Element) -> ElementTree.Element:
    found = case.find("failure")
    assert found is not None
    return found


def test_names_read_like_the_ids_of_the_gate_tests() -> None:
    names = cases(sample.judgement(Verdict.ROLLBACK))
    assert "test_verdict" in names
    assert "test_parity[POST /alerts/rules-minimal]" in names
    assert "test_latency[all endpoints-25 %]" in names
    assert "test_latency[GET /cameras/{id}/logs-all stages]" in names
    assert "test_exposure[10 %-load]" in names
    assert "test_drill[rollback-global]" in names


@pytest.mark.parametrize("verdict", list(Verdict))
def test_everything_but_promote_is_a_failure(verdict: Verdict) -> None:
    case = cases(sample.judgement(verdict))["test_verdict"]
    assert (case.find("failure") is None) is (verdict is Verdict.PROMOTE)
    assert case.find("skipped") is None
    if verdict is not Verdict.PROMOTE:
        assert failure(case).attrib["type"] == verdict.value


def test_a_failure_tells_the_places_that_differ() -> None:
    case = cases(sample.judgement(Verdict.ROLLBACK))["test_parity[POST /alerts/rules-minimal]"]
    assert 'body id: 41 -> "41"' in (failure(case).text or "")


def test_the_counts_are_those_of_the_cases() -> None:
    root = ElementTree.fromstring(junit.render(sample.judgement(Verdict.ROLLBACK)))
    for element in (root, root.find("testsuite")):
        assert element is not None
        assert int(element.attrib["tests"]) == len(list(root.iter("testcase")))
        assert int(element.attrib["failures"]) == len(list(root.iter("failure")))


def test_a_cell_that_need_not_be_proven_is_no_failure() -> None:
    judged = sample.judgement(Verdict.PROMOTE)
    assert any(row.change.verdict is Verdict.INCONCLUSIVE for row in judged.latency)
    assert all(item.verdict is Verdict.PROMOTE for item in judged_items(judged))


def test_an_accepted_difference_is_no_failure() -> None:
    case = cases(sample.judgement(Verdict.HOLD))["test_parity[POST /alerts/rules-null-channels]"]
    assert case.find("failure") is None


def test_a_case_that_proves_nothing_fails_without_any_finding() -> None:
    judged = replace(
        sample.judgement(), cases=(CaseResult("GET /x", "one", "INCONCLUSIVE", "it proves nothing", 0, 0),)
    )
    assert failure(cases(judged)["test_parity[GET /x-one]"]).attrib["type"] == "INCONCLUSIVE"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_weighing_finding_is_told_exactly_once(verdict: Verdict) -> None:
    judged = sample.judgement(verdict)
    alone = Finding("mishap.worker-lost", Verdict.INCONCLUSIVE, "Worker lost", "gw1 went away")
    judged = replace(judged, findings=(*judged.findings, alone))
    told = [reason for item in judged_items(judged)[1:] for reason in item.reasons]
    for finding in judged.findings:
        if finding.accepted is None and finding.verdict is not Verdict.PROMOTE:
            assert sum(f"{finding.rule}: {finding.title}: {finding.reason}" in reason for reason in told) == 1


def test_an_empty_run_still_has_a_failing_case() -> None:
    assert failure(cases(sample.empty())["test_verdict"]).attrib["type"] == "INCONCLUSIVE"


def test_hostile_text_is_legal_xml_and_shown_as_escapes() -> None:
    data = junit.render(sample.hostile()[0])
    root = ElementTree.fromstring(data)
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure")
    }
    shown = "".join([*root.itertext(), *(value for element in root.iter() for value in element.attrib.values())])
    assert r"\x00" in shown
    assert r"\x1b[2J" in shown
    assert r"\ud800" in shown
    assert not set(shown) & {"\x00", "\x07", "\x1b", "\x85", "\u2028", "\u202e", "\ufffe"}
