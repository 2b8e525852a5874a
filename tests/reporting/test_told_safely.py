"""A sentence of ours stays a sentence wherever Python takes it, and telling it in Chinese is as safe as in English."""

# ruff: noqa: RUF001  # Chinese has punctuation of its own

from __future__ import annotations

import json
import pickle
import re
import sqlite3
import string
from copy import copy, deepcopy
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.reporting import sample
from tests.reporting.pages import Page
from verification.core.judgement import Judgement
from verification.core.model import Difference, Finding, Verdict
from verification.core.said import Said, joined, say
from verification.reporting import gate_html, gate_md, plain
from verification.reporting.texts import LANGUAGES, WORDS, told

SENTENCE = say("{title}: {reason}", title=say("at least {low}", low=say("no bounds")), reason="{brace} {0} {{x}}")
IN_CHINESE = "至少无界限：{brace} {0} {{x}}"


@pytest.mark.parametrize("made", [pickle.loads(pickle.dumps(SENTENCE)), copy(SENTENCE), deepcopy([SENTENCE])[0]])
def test_a_copy_is_still_a_sentence(made: str) -> None:
    assert made == SENTENCE
    assert told(made, "zh") == IN_CHINESE


def test_a_sentence_is_plain_text_to_all_that_write() -> None:
    finding = replace(Finding("a", Verdict.HOLD, "b", "c"), reason=SENTENCE)
    assert told(finding.reason, "zh") == IN_CHINESE
    assert orjson.loads(orjson.dumps({"reason": SENTENCE})) == json.loads(json.dumps({"reason": SENTENCE}))
    assert orjson.loads(orjson.dumps(finding))["reason"] == str(SENTENCE)
    assert sqlite3.connect(":memory:").execute("select ?", (SENTENCE,)).fetchone() == (str(SENTENCE),)
    assert TypeAdapter(str).validate_python(SENTENCE) == SENTENCE


VALUES: st.SearchStrategy[object] = st.recursive(
    st.text() | st.sampled_from([*WORDS, "{", "}", "{0}", "{x!r:>9}", "{{", "{a.b[0]}"]).map(str),
    lambda inner: (
        st.lists(inner.map(str), max_size=3).map(lambda parts: joined("; {", parts))
        | st.builds(lambda value: say("{title}: {reason}", title=value, reason=value), inner)
        | inner.map(lambda value: say("unknown words, {value!r:>4}: {{}}", value=value))
        | st.text().map(Said)
    ),
    max_leaves=5,
)


@given(value=VALUES, words=st.sampled_from(["at least {low}", "never heard of {low}; {{low}}", "{low}"]))
def test_telling_never_fails_and_keeps_what_somebody_else_said(value: object, words: str) -> None:
    sentence = say(words, low=value)
    for lang in LANGUAGES:
        assert isinstance(told(sentence, lang), str)
    if not isinstance(value, Said):
        assert str(value) in told(sentence, "zh")


class Anything:
    """A Chinese value that may be shown in any way and has every attribute."""

    def __getattr__(self, _: str) -> Anything:
        return self

    def __format__(self, _: str) -> str:
        return "值"


@pytest.mark.parametrize("words", WORDS)
def test_every_line_of_the_table_can_be_told_without_a_stray_space(words: str) -> None:
    names = {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(words) if name}
    told_line = told(say(words, **{name: Anything() for name in names}), "zh")
    # Between a name and its number the space stays: both are what somebody else said.
    assert not re.search(r"[\u4e00-\u9fff，。；：（）] [，。；：（）\u4e00-\u9fff]", told_line.replace("值 值", "")), (
        "a stray space"
    )


def test_no_space_stands_between_chinese_and_chinese() -> None:
    words = "P95 {control} on control, {candidate} on candidate, change {change} (95 % interval {low} to {high}): "
    limit, errors = say("without limit"), say("among errors")
    both = say(words, control="1 ms", candidate=errors, change=limit, low="+1.0 %", high=limit)
    assert told(both, "zh") == (
        "control 侧 P95 1 ms，candidate 侧落在错误之中，变化无上限（95 % 置信区间 +1.0 % 至无上限）："
    )
    assert told(say("at least {low}", low=" said so "), "zh") == "至少  said so "


def _as_sentences(finding: Finding, said: str) -> Finding:
    title = say("{endpoint} forced to {arm} at {percent} %", endpoint=said, arm=said, percent=10)
    places = tuple(Difference(said, said, say("equal to {place}", place=said), say("(absent)"), said) for _ in range(2))
    return replace(finding, title=title, reason=say("no answer: {failure}", failure=said), differences=places)


def _hostile_sentences() -> Judgement:
    judged = sample.judgement(Verdict.ROLLBACK)
    findings = tuple(_as_sentences(one, sample.HOSTILE) for one in judged.findings)
    reasons = (say("{title}: {reason}.", title=findings[0].title, reason=findings[0].reason),)
    return replace(judged, findings=findings, reasons=reasons)


@pytest.mark.parametrize("judged", [_hostile_sentences(), sample.hostile()[0]])
def test_hostile_text_is_text_in_chinese_too(judged: Judgement) -> None:
    page = gate_html.render(judged, sample.hostile()[1], "zh").decode("utf-8")
    tags = {tag for tag, _ in Page(page).elements}
    assert not tags & {"script", "img"}
    assert "alert(1)" in Page(page).text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", page)
    summary = gate_md.render(judged, "zh").decode("utf-8")
    assert not re.search(r"[<>@]|://|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", summary)
    bare = re.sub(r"\\.", "", summary)
    assert not re.search(r"[`\[]|\]\(", bare)


def test_what_a_backend_calls_itself_or_answers_is_no_word_of_the_table() -> None:
    judged = sample.judgement(Verdict.ROLLBACK)
    quoted = (Difference("raw", "", "wording", "open", say("(absent)")),)
    findings = (replace(judged.findings[0], differences=quoted),)
    summary = gate_md.render(replace(judged, findings=findings), "zh").decode("utf-8")
    assert WORDS["open"] == "未定"
    assert "raw（措辞）：open → （不存在）" in summary


def test_the_summary_in_chinese_has_no_english_of_ours() -> None:
    judged = sample.judgement(Verdict.ROLLBACK)
    manifest = replace(judged.manifest, quick=True)
    drill = replace(judged.drills[0], name="refuse-percent", seconds=None, detail="")
    forecast = tuple(replace(row, change=float("inf"), low=float("-inf"), high=float("inf")) for row in judged.forecast)
    shown = replace(judged, manifest=manifest, drills=(drill,), forecast=forecast)
    summary = gate_md.render(shown, "zh").decode("utf-8")
    assert " · 快速运行" in summary
    assert "拒绝无效的灰度比例" in summary
    assert "，未计时，" in summary
    assert "无上限（无界限）" in summary
    assert "阶段 0 %、" in summary
    assert "no stage" not in gate_md.render(replace(shown, manifest=replace(manifest, stages=())), "zh").decode("utf-8")


@pytest.mark.parametrize("value", [None, float("inf"), float("nan"), -float("inf")])
def test_numbers_in_words_are_told_within_a_sentence(value: float | None) -> None:
    shown = [plain.change(value), plain.share(value), plain.milliseconds(value), plain.seconds(value)]
    shown += [plain.duration(value), plain.interval(value, value)]
    for one in shown:
        assert not re.search("[a-z]", told(say("{title}: {reason}", title=one, reason=one), "zh"))
