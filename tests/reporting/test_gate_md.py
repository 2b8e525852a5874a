"""gate.md fits into a CI summary and shows hostile text as text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.reporting import measured, sample
from verification.core.judgement import EndpointParity
from verification.core.model import Finding, Verdict
from verification.reporting import gate_md


def page(verdict: Verdict = Verdict.PROMOTE) -> str:
    return gate_md.render(sample.judgement(verdict)).decode("utf-8")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_comes_first_and_its_reasons_next(verdict: Verdict) -> None:
    lines = page(verdict).splitlines()
    assert lines[0] == f"# Release gate: {verdict.value}"
    assert lines[4].startswith("- ")


def test_the_table_has_a_row_for_each_endpoint_and_a_column_for_each_stage() -> None:
    text = page(Verdict.ROLLBACK)
    table = text[text.index("## P95 change") : text.index("## Comparison")]
    assert "| Endpoint | All stages | 0 % | 10 % | 25 % | 50 % | 100 % |" in table
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(measured.ENDPOINTS)
    assert {line.count("|") for line in rows} == {8}
    assert "+120.0 % **ROLLBACK**" in table


def test_one_line_says_how_far_to_believe_the_comparison() -> None:
    line = "The comparison saw 1,199 of 1,200 generated mistakes; the lowest share is 99.92 % (GET /cameras/{id}/logs)."
    assert line in page(Verdict.HOLD)
    known = "On 1 of 2 endpoints it is known who answered (held against counters of /metrics)."
    assert known in gate_md.render(sample.judgement(Verdict.ROLLBACK)).decode("utf-8")
    assert "generated mistakes" not in gate_md.render(sample.empty()).decode("utf-8")


def test_one_line_says_what_the_pairs_exclude_and_which_fields_are_noisy() -> None:
    line = (
        "The least is excluded on PUT /alerts/rules/{rule\\_id}: with 9 equal pairs a difference rate above 28.32 % is "
        "excluded at 95 %. Fields that differ by themselves: 2, more often on the candidate: 1."
    )
    assert line in page(Verdict.HOLD)
    none = replace(sample.judgement(), parity=(EndpointParity(measured.RULES, 1, 0, 1, 0, 0, None, 3, 2),))
    assert "No rate of differences is excluded. No field differs by itself." in gate_md.render(none).decode("utf-8")
    assert "equal pairs" not in gate_md.render(sample.empty()).decode("utf-8")


def test_the_duration_of_the_run_is_among_its_facts() -> None:
    assert "duration 7 min 42 s" in page()
    assert "duration not known" in gate_md.render(sample.empty()).decode("utf-8")


def test_accepted_differences_are_always_shown() -> None:
    assert "m.rossi until 2026-06-30" in page(Verdict.PROMOTE)


def test_an_empty_run_makes_a_page_that_says_so() -> None:
    text = gate_md.render(sample.empty()).decode("utf-8")
    assert text.startswith("# Release gate: INCONCLUSIVE")
    assert "## P95 change" not in text


def test_a_page_that_would_be_too_long_is_cut_at_a_line_with_a_note() -> None:
    finding = Finding("parity.body", Verdict.HOLD, "é" * 40_000, "ö" * 40_000)
    judged = replace(sample.judgement(Verdict.HOLD), findings=(finding,) * 500)
    data = gate_md.render(judged)
    assert len(data) <= gate_md.MOST_BYTES
    assert data.decode("utf-8").endswith("Cut here: the rest is in gate.html and gate.json.\n")


def test_findings_left_out_are_counted() -> None:
    finding = Finding("parity.body", Verdict.HOLD, "a title", "a reason")
    judged = replace(sample.judgement(Verdict.HOLD), findings=(finding,) * 75)
    assert "- 15 more in gate.json" in gate_md.render(judged).decode("utf-8")


def test_hostile_text_makes_no_markup_link_mention_or_line() -> None:
    clean = gate_md.render(sample.judgement(Verdict.ROLLBACK)).decode("utf-8").splitlines()
    poisoned = gate_md.render(sample.hostile()[0]).decode("utf-8")
    # Rules are poisoned too, so that cells lose their mark; nothing else may change the number of lines.
    assert len(poisoned.splitlines()) == len(clean)
    assert not re.search(r"[<>@]|://|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", poisoned)
    bare = re.sub(r"\\.", "", poisoned)
    assert "](" not in bare
    assert "`" not in bare
    assert "[" not in bare
