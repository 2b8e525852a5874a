"""gate.html is one file that asks nobody for anything, shows every part, and shows hostile text as text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reporting import measured, sample
from tests.reporting.pages import Page, html, pages
from verification.core.judgement import Judgement, KneeRow
from verification.core.model import Answer, Arm, Comparison, Difference, Finding, Probe, Verdict
from verification.core.records import Evidence
from verification.reporting import gate_html

CSS = (Path(gate_html.__file__).parent / "templates" / "gate.css").read_text(encoding="utf-8")
HARMLESS_TAGS = frozenset(
    re.findall(
        r"\w+",
        """html head meta link title style body a header div p h1 h2 h3 h4 h5 b small span i main section ul ol li dl dt
        dd nav article details summary table thead tbody tr th td code pre figure figcaption footer wbr br
        svg circle rect line path text""",
    )
)
PARTS = (
    "why",
    "matrix",
    "p95",
    "distributions",
    "rates",
    "drills",
    "findings",
    "fields",
    "witness",
    "score",
    "masked",
    "missing",
    "measuring",
)


PAGES = pages()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_asks_nobody_for_anything_and_runs_nothing(page: str) -> None:
    for tag, attributes in Page(page).elements:
        assert tag in HARMLESS_TAGS
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"src", "srcset", "action", "formaction", "data", "poster", "background", "style"}
            if name in {"href", "xlink:href"}:
                assert value is not None
                assert value.startswith("#") or value in {"data:,", "gate.zh.html"}
        assert (attributes.get("http-equiv") or "").lower() in {"", "content-security-policy"}
    assert "@import" not in page.partition("</style>")[0]
    assert "url(" not in page.partition("</style>")[0]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_browser_is_told_to_load_nothing(page: str) -> None:
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    found = [a.get("content") for tag, a in Page(page).elements if tag == "meta" and "http-equiv" in a]
    assert found == [policy]
    assert page.index("Content-Security-Policy") < page.index("<style>")


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_part_is_there_in_its_order_and_every_link_leads_somewhere(page: str) -> None:
    elements = Page(page).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert [name for name in ids if name in PARTS] == list(PARTS)
    assert len(ids) == len(set(ids))
    assert {a["href"] for tag, a in elements if tag == "a"} <= {f"#{name}" for name in ids} | {"gate.zh.html"}
    heads = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h[1-6]", tag)]
    assert heads[0] == 1
    assert heads.count(1) == 1


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_reads_by_word_by_shape_and_by_colour(verdict: Verdict) -> None:
    banner = PAGES[verdict.value].partition("<main>")[0]
    assert f"<h1>{verdict.value}</h1>" in banner
    assert f'class="verdict {verdict.value}"' in banner
    shapes = {other: PAGES[other.value].partition("<h1>")[0].rpartition("<svg")[2] for other in Verdict}
    assert len(set(shapes.values())) == len(Verdict)
    assert "<b>Next:</b>" in banner


def test_the_reasons_stand_before_everything_else() -> None:
    judged = sample.judgement(Verdict.ROLLBACK)
    text = Page(PAGES["ROLLBACK"]).text
    assert all(text.index(reason) < text.index("Endpoints and stages") for reason in judged.reasons)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_accepted_differences_stand_on_the_first_page(verdict: Verdict) -> None:
    page = PAGES[verdict.value]
    assert page.index("m.rossi until 2026-06-30") < page.index('id="matrix"')


def test_the_matrix_has_a_row_for_each_endpoint_and_a_column_for_each_stage() -> None:
    page = PAGES["ROLLBACK"]
    table = page[page.index('<table class="matrix">') : page.index('id="p95"')].partition("</table>")[0]
    assert table.count('<th scope="row">') == len(measured.ENDPOINTS) + 1
    assert table.count('<th scope="col">') == len(measured.STAGES) + 3
    assert "+120.0 %" in table
    assert "8/9" in table


def test_who_answered_is_told_for_each_endpoint_with_what_both_witnesses_say() -> None:
    part = PAGES["ROLLBACK"].partition('id="witness"')[2].partition("</section>")[0]
    rows = [Page(row).texts for row in re.findall(r"<tr>(.*?)</tr>", part)[1:]]
    assert rows[0][-3:-1] == ["2 · 2 · 9", "3 · 3 · 0"]
    assert rows[1][-3:-1] == ["2 · 2 · not told", "3 · 3 · not told"]
    assert "counters of /metrics must have moved as far" in part
    assert "were not held against each other" in PAGES["empty"].partition('id="witness"')[2].partition("</section>")[0]


def test_fields_that_differ_by_themselves_are_told_with_their_pairs_and_their_test() -> None:
    page = PAGES["HOLD"]
    part = page[page.index('id="fields"') : page.index('id="witness"')]
    rows = [Page(row).texts for row in re.findall(r"<tr>(.*?)</tr>", part)[1:]]
    assert "body:lines.*.at" in rows[0]
    assert rows[0][-7:] == ["40", "40", "27", "13", "0", "0.00024", "a difference: more than noise explains"]
    assert [row[-1] for row in rows[1:]] == ["noise explains it"]
    assert "1 field besides on the candidate alone" in part
    assert "with 9 equal pairs a difference rate above 28.32 % is excluded at 95 %" in part
    assert "8 of 9 pairs are equal, which excludes no rate of differences" in part


def test_a_run_whose_fields_never_differ_says_so_and_what_that_excludes() -> None:
    part = PAGES["PROMOTE"].partition('id="fields"')[2].partition("</section>")[0]
    assert "Control never differed from itself." in part
    assert part.count("is excluded at 95 %") == len(measured.ENDPOINTS)
    assert "Nothing was compared" in PAGES["empty"].partition('id="fields"')[2].partition("</section>")[0]


def test_the_duration_stands_beside_the_start() -> None:
    assert "<dt>Started, took</dt><dd>2026-03-01 10:15 UTC, 7 min 42 s</dd>" in PAGES["PROMOTE"]
    assert "10:15 UTC, not known</dd>" in PAGES["empty"]


def test_every_interval_is_drawn_with_the_two_limits() -> None:
    page = PAGES["ROLLBACK"]
    rows = len(measured.latency(Verdict.ROLLBACK))
    # Once in the table and once in the plot.
    assert page.count('class="range"') == page.count('class="limit hold"') == page.count('class="limit rollback"')
    assert page.count('class="range"') == 2 * rows


def test_an_endpoint_that_alarms_is_drawn_without_a_click() -> None:
    def shown_at_once(page: str, title: str) -> bool:
        part = page[page.index('id="p95"') : page.index('id="distributions"')]
        return f"<h3>{title}</h3>" in part and f"<summary>{title}</summary>" not in part

    assert shown_at_once(PAGES["ROLLBACK"], "Each endpoint at 50 %")
    assert not shown_at_once(PAGES["PROMOTE"], "Each endpoint at 50 %")
    assert shown_at_once(PAGES["PROMOTE"], "Each endpoint, all stages")


def test_both_arms_are_drawn_for_each_stage_and_endpoint() -> None:
    drawn = len(measured.distributions())
    assert PAGES["PROMOTE"].count('<path class="control"') == drawn == PAGES["PROMOTE"].count('<path class="candidate"')


def test_a_difference_shows_both_sides_down_to_the_request_by_hand() -> None:
    page = PAGES["ROLLBACK"]
    card = page[page.index('class="finding ROLLBACK"') :].partition("</article>")[0]
    text = Page(f"<article>{card.partition('>')[2]}</article>").text
    for shown in (
        *("rules.items.41.priority", '"medium"', "(absent)", "critical"),
        *("control: 200, served by legacy", "candidate: 200, served by domain"),
        *('{"ok":true,"id":41}', '{"ok":true,"id":"41"}', '{"name": "it\'s line 1"}'),
        *("force_domain=false'", "force_domain=true'", "--data-raw", '{"count":1,"items":[{"id":41}]}'),
    ):
        assert shown in text


def test_every_attempt_of_a_repeated_case_is_shown() -> None:
    assert "Both exchanges, attempt 1" in PAGES["HOLD"]
    assert "Both exchanges, attempt 2" in PAGES["HOLD"]


def test_what_was_not_measured_masked_and_left_is_told() -> None:
    text = Page(PAGES["PROMOTE"]).text
    for shown in ("generated call sequences are not part", "4003", "every start gets a process id", "rule 43", "180/s"):
        assert shown in text


def test_what_the_comparison_overlooked_and_what_was_left_out_is_told() -> None:
    text = Page(PAGES["HOLD"]).text
    for shown in ("99.92 %", "1,199", "1 mistake not seen", "answer lines", "no equal case", "inside the mask pid"):
        assert shown in text
    assert "not seen" not in Page(PAGES["PROMOTE"]).text


def test_an_empty_run_says_of_each_part_that_there_is_nothing() -> None:
    assert len(re.findall(r'class="empty"', PAGES["empty"])) >= 9


def test_many_and_large_differences_leave_a_page_that_opens() -> None:
    judged, evidence = many_differences(900)
    page = html(judged, evidence)
    assert page.count("<article") == gate_html.MOST_FINDINGS + 1  # one is accepted
    assert "700 more stand in gate.json" in page
    assert "260 more stand in gate.json" in page
    assert len(page) < 12_000_000


def many_differences(count: int) -> tuple[Judgement, Evidence]:
    """As many differing cases, each with 300 places and bodies of 100,000 characters."""
    judged = sample.judgement(Verdict.HOLD)
    places = (Difference("body", "a.b", "value", "x" * 40, "y" * 40),) * 300
    found = [
        Finding("parity.body", Verdict.HOLD, f"case {n}", "differs", measured.RULES, f"c{n}", differences=places)
        for n in range(count)
    ]
    accepted = [finding for finding in judged.findings if finding.accepted is not None]
    exchanges = {arm: replace(sample.exchange(arm, "{}"), answer=Answer(200, (), "z" * 100_000)) for arm in Arm}
    probes = tuple(Probe(arm.value, (), exchanges[arm], ()) for arm in Arm)
    comparisons = tuple(Comparison(measured.RULES, f"c{n}", probes) for n in range(count))
    return replace(judged, findings=(*found, *accepted)), Evidence(judged.manifest, comparisons=comparisons)


def test_hostile_text_is_shown_as_text_and_nothing_invisible_is_left() -> None:
    page = PAGES["hostile"]
    assert r"</script></style></title>--><script>alert(1)</script>" in Page(page).text
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff\ufeff]", page.replace("\t", ""))


def test_no_attribute_exists_that_only_hostile_text_brought() -> None:
    def names(page: str) -> set[str]:
        return {name for _, attributes in Page(page).elements for name in attributes}

    clean = set().union(*(names(page) for key, page in PAGES.items() if key != "hostile"))
    assert names(PAGES["hostile"]) <= clean


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    "name", ["ink", "soft", "link", "promote", "hold", "inconclusive", "rollback", "control", "candidate"]
)
def test_every_text_colour_can_be_read_on_every_ground(name: str, scheme: int) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", CSS.split("prefers-color-scheme")[scheme]))
    for ground in ("page", "panel"):
        assert contrast(colours[name], colours[ground]) >= 4.5, f"{name} on {ground}"


def test_wide_tables_scroll_by_themselves_and_hold_their_hidden_texts() -> None:
    """An absolutely placed text in a container that is not positioned would make the whole page scroll sideways."""
    assert re.search(r"\.scroll \{ position: relative; overflow-x: auto;", CSS)
    for page in PAGES.values():
        elements = Page(page).elements
        wide = [(a.get("class") or "") for tag, a in elements if tag == "table"]
        assert set(wide) <= {"matrix", "cards", "cards places"}
        assert wide.count("matrix") + wide.count("cards") == Page(page).classes("div").count("scroll")


def test_the_banner_can_be_read() -> None:
    grounds = re.findall(r"\.verdict\.[A-Z]+ \{ background: (#[0-9a-f]{6})", CSS)
    assert len(grounds) == len(Verdict)
    assert all(contrast("#ffffff", ground) >= 4.5 for ground in grounds)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours after WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_what_users_feel_and_will_feel_stands_with_its_interval_and_says_what_was_missed() -> None:
    page = html(sample.judgement(Verdict.PROMOTE))
    assert "3.0 % to +6.0 %" in page
    assert "outside the forecast" in page
    assert "as forecast" in page
    assert "A share dilutes what the arms differ by" in page


def test_the_other_clocks_median_and_p99_stand_beside_the_p95_and_what_decided() -> None:
    page = html(sample.judgement(Verdict.PROMOTE))
    assert "P95 from sending" in page
    assert "early, after 24 blocks (310)" in page


def test_the_knee_and_the_rate_used_stand_where_the_measuring_is_told() -> None:
    judged = sample.judgement(Verdict.PROMOTE)
    assert "did not climb up to 432 requests per second" in html(judged)
    lowered = html(replace(judged, knee=KneeRow(200.0, 432.0, 180.0, 100.0)))
    assert "climbs from 200 requests per second. Measured was at 100 a second instead of the planned 180" in lowered
