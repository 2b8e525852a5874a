"""The execution report says the same in both languages and both forms, what matters first, and texts as texts."""
# ruff: noqa: RUF001  # Chinese has punctuation of its own

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.core.release.history import PLAN, History
from tests.reporting.pages import Page
from tests.reporting.releases import SECRET, views
from verification.core.policy import Policy
from verification.core.release.call import Call
from verification.core.release.events import Started, Told
from verification.core.release.judgement import Figure
from verification.core.release.view import view_of
from verification.reporting.release_report import MOST_ROWS, render_release_html, render_release_md
from verification.reporting.release_status import status_lines
from verification.reporting.release_words import MOST_CHARACTERS, Words
from verification.reporting.texts import LANGUAGES, Lang, text

VIEWS = views()
PAGES = {(name, lang): render_release_html(view, lang) for name, view in VIEWS.items() for lang in LANGUAGES}
MARKDOWN = {(name, lang): render_release_md(view, lang) for name, view in VIEWS.items() for lang in LANGUAGES}
SECTIONS = ["progress", "done", "findings", "feedback", "decision"]
HARMLESS_TAGS = frozenset(
    re.findall(
        r"\w+",
        """html head meta link title style body header div p h1 h2 b small span main section ul li dl dt dd table thead
        tbody tr th td code footer svg circle rect path""",
    )
)
FIGURES = ("error_rate", "success_rate", "p95_change", "share")


@pytest.mark.parametrize("key", PAGES, ids="-".join)
def test_a_page_asks_nobody_for_anything_and_runs_nothing(key: tuple[str, Lang]) -> None:
    page = PAGES[key]
    for tag, attributes in Page(page).elements:
        assert tag in HARMLESS_TAGS
        assert not any(name.startswith("on") or name in {"src", "style", "action"} for name in attributes)
        assert attributes.get("href", "data:,") == "data:,"
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert "@import" not in page
    assert "url(" not in page


@pytest.mark.parametrize("key", PAGES, ids="-".join)
def test_every_part_is_there_in_its_order(key: tuple[str, Lang]) -> None:
    name, lang = key
    elements = Page(PAGES[key]).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert [one for one in ids if one != "why"] == ["first", *SECTIONS]
    assert elements[0] == ("html", {"lang": {"en": "en", "zh": "zh-CN"}[lang]})
    heads = [text(section, lang) for section in ("figures", *SECTIONS)]
    found = re.findall(r"^## (.*)$", MARKDOWN[key], re.MULTILINE)
    assert [head for head in found if head != text("why", lang)] == heads
    assert name in VIEWS


@pytest.mark.parametrize("key", PAGES, ids="-".join)
def test_the_first_screen_holds_percent_window_four_figures_verdict_and_what_to_do(key: tuple[str, Lang]) -> None:
    """Before the first section that a reader may have to scroll to."""
    name, lang = key
    view, words = VIEWS[name], Words(lang)
    first = Page(re.sub(r'<section id="(?:why|progress)">.*</main>', "</main>", PAGES[key], flags=re.DOTALL)).text
    later = rf"\n## {words('why')}|\n## {words('progress')}"
    beginning = re.sub(r"\\(.)", r"\1", re.split(later, MARKDOWN[key])[0])
    beginning = beginning.replace("&lt;", "<").replace("&gt;", ">")
    for shown in (first, beginning):
        assert words.verdict(view.judgement.verdict) in shown
        assert words.next_step(view) in shown
        assert view.command in shown
        assert f"{view.stage.percent} %" in shown
        assert words("window") in shown
        assert words("as-of", at=words.moment(view.now)) in shown
        for figure in view.judgement.figures:
            row = [words(f"figure.{figure.name}"), words.measured(figure), words.target(figure)]
            assert all(cell in shown for cell in [*row, words.threshold(figure), words.bounds(figure)])
    assert [one.name for one in view.judgement.figures] in ([], list(FIGURES))


def test_each_figure_stands_beside_its_target_and_its_threshold() -> None:
    rows = MARKDOWN["promote", "en"].partition("|---|")[2].splitlines()[1:5]
    assert [row.strip("| ").split(" | ")[3:5] for row in rows] == [
        ["≤ 1 %", "&gt; 5 %"],
        ["≥ 99 %", "&lt; 95 %"],
        ["≤ +20 %", "&gt; +50 %"],
        ["about 10 %", "none"],
    ]
    assert "| P95 change | +3.1 % | -1.2 % to +8.4 % |" in MARKDOWN["promote", "en"]


def test_a_bound_that_is_none_is_not_shown_as_one() -> None:
    def bounds(low: float | None, high: float | None, value: float | None = 0.1) -> str:
        figure = Figure("p95_change", value, low, high, 0.2, 0.5, VIEWS["promote"].judgement.verdict)
        return f"{Words('en').measured(figure)}, {Words('en').bounds(figure)}"

    infinite = float("inf")
    assert bounds(-0.1, 0.2) == "+10.0 %, -10.0 % to +20.0 %"
    assert bounds(-1.0, 0.2) == "+10.0 %, at most +20.0 %"
    assert bounds(-0.1, infinite) == "+10.0 %, at least -10.0 %"
    assert bounds(-1.0, infinite, infinite) == "beyond every limit, not known yet"
    assert bounds(None, None, None) == "not known yet, not known yet"


def test_what_is_missing_is_told_with_its_unit() -> None:
    assert "Still missing: 38.0 h, 31 looks, 640 requests, a run of the gate at 25 %." in MARKDOWN["running", "en"]
    assert "还差：38.0 小时、31 次巡检、640 次请求、25 % 下的一次门禁运行。" in MARKDOWN["running", "zh"]
    assert "Nothing that the plan wants is missing." in MARKDOWN["promote", "en"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing", "Nothing has begun: the old implementation serves every request."),
        ("running", "25 % runs since 2026-11-03 10:00 UTC."),
        (
            "rolled-back",
            "Rolled back from 25 % at 2026-11-04 15:00 UTC, proven in 4.2 s: the old implementation serves",
        ),
        ("not-rolled-back", "is NOT proven: users may still be served by the rewrite."),
        (
            "past",
            "The 10 % stage ran from 2026-11-02 08:00 UTC to 2026-11-03 10:00 UTC, and is shown as it stood then.",
        ),
        ("finished", "The release is complete: 100 % runs since"),
        ("strange", "30 % is no stage of the plan."),
        ("changed", "The ledger was changed: nothing here can be relied upon. line 3 was changed"),
        ("changed", "Its chain is BROKEN"),
    ],
)
def test_the_present_state_is_told_in_a_sentence(name: str, told: str) -> None:
    assert told in Page(PAGES[name, "en"]).text
    assert told in MARKDOWN[name, "en"]


@pytest.mark.parametrize("before", ["nothing", "a rollback"])
def test_a_backend_that_is_not_proven_to_be_back_is_not_said_to_serve_by_the_old_implementation(before: str) -> None:
    history = History() if before == "nothing" else History().start(10).look(3).roll_back()
    view = history.add(Started(10, 0, "maria", False, "no answer", 3.0, is_back=False)).view()
    for said in (render_release_md(view, "en"), "\n".join(status_lines(view)), render_release_html(view, "en")):
        assert "it may be at any percent" in " ".join(said.split())
        assert "the old implementation serves every request" not in " ".join(said.split())
    assert "实际比例不明" in render_release_md(view, "zh")


def test_one_look_is_no_looks() -> None:
    said = render_release_md(History().start(10).look(1).view(), "en")
    assert "1 look until" in said
    assert " 1 looks" not in said


def test_a_command_with_a_backtick_is_still_one_command() -> None:
    view = replace(VIEWS["running"], call=Call(ledger="a`b.sqlite"))
    assert "`` python -m verification observe --ledger='a`b.sqlite' ``" in render_release_md(view, "en")
    assert "**Next:**" in render_release_md(VIEWS["running"], "en")


def test_after_a_rollback_the_next_step_is_to_run_the_first_stage_again() -> None:
    for lang in LANGUAGES:
        assert PAGES["rolled-back", lang].count("<code>python -m verification start 10</code>") == 2
    assert "rolled back | 72 to 120 h | 29.0 h | 29 looks" in MARKDOWN["rolled-back", "en"]
    assert "maria rolled back from 25 %, proven in 4.2 s; because: 8 % errors since" in MARKDOWN["rolled-back", "en"]


def test_who_decided_what_and_the_ledgers_own_verdict_are_told() -> None:
    view = replace(VIEWS["not-rolled-back"])
    decision = " ".join(Words("en").decision(view))
    assert "The verdict of this stage is INCONCLUSIVE. The ledger's last verdict of this stage is HOLD." in decision
    assert "NOT proven in 4.2 s" in decision
    assert Words("en").decision(VIEWS["running"])[-1] == "Nobody has decided anything yet."
    assert "decided: hold; because: " in " ".join(Words("en").decision(VIEWS["hostile"]))


def test_what_was_passed_over_and_what_another_tool_told_stand_among_what_was_done() -> None:
    view = History().start(50, override="asked to").add(Told("argo", "paused")).view()
    done = render_release_md(view, "en").partition("## What was done")[2]
    assert "; passed over the plan because: asked to" in done
    assert "argo told: paused" in done


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_text_is_shown_as_text_and_secrets_not_at_all(lang: Lang) -> None:
    page, markdown = PAGES["hostile", lang], MARKDOWN["hostile", lang]
    assert "<script>alert(1)</script>" in Page(page).text
    assert "<script" not in page
    assert "<img" not in page
    assert "<script" not in markdown
    for shown in (page, markdown):
        assert SECRET not in shown
        assert "[redacted" in shown.replace("\\", "")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff\ufeff]", shown)
    bare = re.sub(r"\\.", "", markdown)
    assert "](" not in bare
    assert "://" not in bare
    assert "@" not in bare


@pytest.mark.parametrize("key", MARKDOWN, ids="-".join)
def test_no_text_breaks_a_table(key: tuple[str, Lang]) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", MARKDOWN[key], re.MULTILINE)
    for table in tables:
        widths = {len(re.sub(r"\\.", "", row).split("|")) for row in table.splitlines()}
        assert len(widths) == 1
    clean = MARKDOWN["running", key[1]]
    assert MARKDOWN[key].count("\n## ") <= clean.count("\n## ")


def test_a_flood_is_cut_and_what_is_left_out_is_counted() -> None:
    for shown in (PAGES["flooded", "en"], MARKDOWN["flooded", "en"]):
        assert f"… ({5000:,} characters, all of them in the ledger)" in shown
        assert "x" * (MOST_CHARACTERS + 1) not in shown
        assert f"{201 - MOST_ROWS} more stand in the ledger" in shown
        assert "tool told: 199" in shown
        assert len(shown) < 200_000


def test_no_foreign_text_pushes_the_figures_off_the_first_screen() -> None:
    view = History().start(10).start(25, is_proven=False, detail="x " * 9000).view(target="http://" + "y" * 9000)
    changed = replace(view, wrong=("z " * 9000,))
    for lang in LANGUAGES:
        page = Page(render_release_html(changed, lang)).text
        assert page.index(text("figure.share", lang)) < 2500
        assert render_release_md(changed, lang).index(text("figure.share", lang)) < 2500


def test_the_gravest_feedback_comes_first_and_the_resolved_with_its_reason_last() -> None:
    table = MARKDOWN["rollback", "en"].partition("## Feedback")[2]
    assert table.index("serious: f-2") < table.index("minor: f-1")
    assert "resolved by maria: it did so before" in MARKDOWN["promote", "en"]
    assert "maria 已解决：it did so before" in MARKDOWN["promote", "zh"]


def test_what_was_found_before_and_is_gone_is_marked() -> None:
    assert "Health: found earlier, not any more | Health of the backend: health says" in MARKDOWN["running", "en"]


def test_a_reason_is_told_in_the_language_of_the_report_under_the_rules_name() -> None:
    table = MARKDOWN["rollback", "zh"].partition("## 发现")[2]
    assert "| 错误率 | candidate 侧的错误：自第 24 次巡检起，200 次请求中有 60 次错误" in table
    assert (
        "| 两侧应答不一致 | 数据一致性：有 9 次巡检两侧应答不一致，而 control 侧前后两次的应答一致：cameras |" in table
    )
    assert not [title for title in ("Errors on candidate", "Consistency of the data", "from look") if title in table]
    assert "- candidate 侧的错误：自第 24 次巡检起，200 次请求中有 60 次错误" in MARKDOWN["rollback", "zh"]
    assert "Errors on candidate: from look 24 on 60 errors in 200 requests" in MARKDOWN["rollback", "en"]


def test_what_the_ledger_kept_as_text_is_shown_as_it_was_kept() -> None:
    assert "health says 'degraded'" in MARKDOWN["running", "zh"].partition("## 发现")[2]
    assert "台账中保存的内容按原文显示" in Page(PAGES["running", "zh"]).text


def test_what_is_wrong_with_the_ledger_is_told_in_the_language_of_the_report() -> None:
    history = History().start(10).look(2)
    lines = [replace(one, body="changed") if one.number == 2 else one for one in history.chain]
    view = view_of(
        lines, history.events, PLAN, Policy(), history.now, percent=None, target="http://backend", ledger="r.sqlite"
    )
    assert "本报告内容不可信。第 2 行在写入之后被改动" in render_release_md(view, "zh")
