"""What the judge says of flag, witnesses, monitoring and the release is told whole in Chinese, and every line is said.

Each entry below makes the judge say something; together they say every line of their sheet.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.judge.builders import CATALOG, THING, exchange, manifest, silent
from tests.core.judge.builders import look as monitored
from tests.core.release import builders as release
from tests.core.release.builders import LOOKS, after, judged, looks, stands, with_look
from verification.core.cases import Catalog
from verification.core.expectation import Scope, owed
from verification.core.judge.flag import judge_drill, judge_exposure, judge_forced, judge_log, judge_mishaps
from verification.core.judge.monitoring import judge_monitoring, judge_usage
from verification.core.judge.verdict import judge
from verification.core.judge.witness import judge_witness
from verification.core.model import Answer, Arm, Finding, Verdict
from verification.core.policy import Policy, RatePolicy
from verification.core.records import Drill, Evidence, Exposure, ForcedCall, LogTail, Mishap, Usage, WitnessCheck
from verification.core.release.chain import FIRST, broken, line
from verification.core.release.events import Counters, Written
from verification.core.said import Said
from verification.reporting import texts
from verification.reporting.texts import told

OF_OTHERS = frozenset({"rates.errors", "control.unhealthy", "latency.p95"})
"""Rules whose reasons are made, for the greater part, in `core.rates` and `core.latency`."""
NAMES = re.compile(
    r"\b(control|candidate|legacy|domain|healthy|P95|X-Served-By|rollout\.toml|witness\.\w+|none = true|usage_count)\b"
    r"|/monitoring/|\b(old_count|data_consistency|evidence\.missing)\b|--quick"
)
"""What stays English within a Chinese sentence."""
KINDS = ("parity", "sequence", "retry", "certificate", "replay", "race", "flag", "rollback", "monitoring", "witness",
         "load", "later")  # fmt: skip
LAST = LOOKS - 1
ALL = looks()
BY_ALL = WitnessCheck(THING, 10, 2, 3, 2, 3, "counters of /m", counted_legacy=9, counted_domain=3)


def shares() -> Iterator[Finding]:
    parting = [(300, 0), (0, 300), (300, 0), (0, 300)]
    for exposure, source, moments in (
        (Exposure(10, 297, 3, 5), "load", ()),
        (Exposure(10, 240, 60, 0, switches=11), "flag", ()),
        (Exposure(10, 600, 600, 0), "flag", parting),
        (Exposure(10, 0, 0, 0), "counters", ()),
    ):
        yield from judge_exposure(exposure, source, RatePolicy(), moments)[1]


def calls_and_drills() -> Iterator[Finding]:
    on_control = exchange(Arm.CONTROL, served="domain")
    for sent in (silent(Arm.CANDIDATE), exchange(Arm.CONTROL, served=None), on_control,
                 exchange(Arm.CANDIDATE, served="legacy")):  # fmt: skip
        yield from judge_forced(ForcedCall("force", 10, THING, sent))
    for name in ("rollback-request", "rollback-global", "refuse-percent"):
        yield from judge_drill(Drill(name, 10, ok=False, seconds=None, detail="0"))
    drill = Drill("rollback-request", 10, ok=True, seconds=None, detail="1")
    for sent in (on_control, exchange(Arm.CONTROL, served=None)):
        yield from judge_drill(drill, (ForcedCall(drill.name, 10, THING, sent),))
    yield from judge_drill(drill, ())


def mishaps() -> Iterator[Finding]:
    kinds = ("backend-died", "worker-lost", "interrupted", "load-failed", "backend-unready", "suite-error")
    met = tuple(Mishap(what, "70", 10, during) for what in kinds for during in (None, "load", THING))
    yield from judge_mishaps(Evidence(manifest(), mishaps=met))
    yield from judge_log(Evidence(manifest(), logs=(LogTail(10, 3, ()),)))


def usage() -> Iterator[Finding]:
    for kind, counted, sent in (("natural", 3, 9), ("forced", 3, 9), ("forced", 1, 0), ("natural", None, 0)):
        yield from judge_usage(Usage(10, kind, 3, 4, counted, 4, sent), owned=True)


def monitoring() -> Iterator[Finding]:
    def consistency(issues: int) -> dict[str, object]:
        return {"consistent": issues == 0, "issues_count": issues, "db_count": 3, "yaml_count": 2}

    good, sick, bad = monitored("before"), monitored("before", status="degraded"), consistency(2)
    yield from judge_monitoring((good, monitored("after", status="down", consistency=bad)))
    yield from judge_monitoring((sick, monitored("after", status="degraded")))
    yield from judge_monitoring((monitored("rolled-back", status="down", consistency=bad, drop="errors"),))
    was_bad = monitored("before", consistency=bad)
    yield from judge_monitoring((was_bad, monitored("after", consistency=bad), monitored("after", drop="errors")))
    odd = replace(good.health, answer=Answer(200, (), '{"status": 1, "timestamp": "", "checks": {}}'))
    failed = replace(good.health, answer=Answer(503, (), '{"status": "", "timestamp": "", "checks": {}}'))
    for health in (odd, failed, silent(Arm.CONTROL)):
        yield from judge_monitoring((replace(good, health=health),))


def witnesses() -> Iterator[Finding]:
    for check in (
        replace(BY_ALL, asked_legacy=0),
        replace(BY_ALL, named_domain=1),
        replace(BY_ALL, named_domain=2, named_legacy=3),
        replace(BY_ALL, named_domain=4, named_legacy=1),
        *(replace(BY_ALL, second=name, counted_domain=None) for name in ("metrics of /m", "log lines", "header X")),
        replace(BY_ALL, counted_domain=None),
        replace(BY_ALL, counted_domain=0, counted_legacy=0),
    ):
        yield from judge_witness(check, owned=True)


def whole_runs() -> Iterator[Finding]:
    keys = tuple(f"{kind}:{number}" for kind in KINDS for number in range(8 if kind == "parity" else 1))
    for expected in (keys, ("load:0",), ()):
        yield from judge(Evidence(manifest(expected), torn_files=("1.jsonl",)), CATALOG, Policy()).findings


def stages() -> Iterator[Finding]:
    unproven = release.rolled_back(10, is_proven=False)
    for where in (
        release.told(),
        release.told(unproven),
        release.told(replace(unproven, detail=("21", "22"))),
        replace(release.told(), started=replace(release.started(is_proven=False), is_back=False, detail="25")),
        stands(percent=30),
        stands(gate=None),
        stands(gate=release.gate(Verdict.HOLD)),
        stands(gate=release.gate(Verdict.HOLD, reasons=("1", "2"))),
        stands(feedback=(release.open_word("serious", text="1"), release.open_word("minor", text="2"))),
        stands(looks(3)),
    ):
        yield from judged(where).findings
    yield from judged(stands(looks(3)), hours=100).findings


def figures() -> Iterator[Finding]:
    failing = [release.look(slot, seen=release.both(slot, errors=20 if slot > 60 else 0)) for slot in range(70)]
    for taken in (
        failing,
        release.seeing(control_errors=20),
        release.seeing(30, ratio=1.2),
        release.seeing(30, ratio=1.35),
        release.seeing(30, ratio=2.0),
        looks(3),
        looks(natural_legacy=10, natural_domain=30),
        looks(natural_legacy=0, natural_domain=0, natural_unwitnessed=40),
        [
            release.look(slot, counters=Counters(9000 * slot, 2000 * slot, 900 * slot, 2000 * slot))
            for slot in range(LOOKS)
        ],
        with_look(ALL, 3, seen=(release.seen(Arm.CANDIDATE, legacy=20, domain=5), *ALL[3].seen)),
        with_look(ALL, 3, seen=(release.seen(Arm.CONTROL, legacy=0, domain=20, unwitnessed=5), *ALL[3].seen)),
        with_look(ALL, 3, seen=tuple(replace(one, times={}) for one in ALL[3].seen)),
        looks(written=Written(release.both(0, errors=20, reads=("POST /1",)))),
    ):
        yield from release.figures_of(taken, gate=None)[1]


def backends() -> Iterator[Finding]:
    two_silent = with_look(with_look(ALL, LAST, seen=(), failure="502"), LAST - 1, seen=())
    for taken in (
        with_look(ALL, 3, differing=("1", "2")),
        looks(uncompared=("1",)),
        with_look(ALL, LAST, consistent=False),
        looks(consistent=False),
        with_look(ALL, LAST, health="down"),
        looks(health="down"),
        with_look(ALL, LAST, fallback_lines=2),
        with_look(ALL, LAST, seen=()),
        two_silent,
        with_look(ALL, LAST, health=None, counters=None, consistent=None, fallback_lines=None),
        with_look(ALL, LAST, failure="503"),
        with_look(ALL, LAST, counters=Counters(4, 0, 4, 0)),
        with_look(ALL, LAST, counters=ALL[-2].counters),
        with_look(ALL, 5, clock_step_s=7200.0),
        with_look(ALL, 5, at=after(2)),
        [one for one in ALL if one.slot % 3 == 0],
        [ALL[0], ALL[3], ALL[4]],
        with_look(ALL, LAST, written=Written(differing=("1",), worded=("2",), unproven=(("3", "4"),), left=("5",))),
    ):
        yield from judged(stands(taken)).findings


SOURCES = (shares, calls_and_drills, mishaps, usage, monitoring, witnesses, whole_runs, stages, figures, backends)
FOUND = {source.__name__: list(source()) for source in SOURCES}


def reasons_of_verdicts() -> list[str]:
    """Reasons of whole judgements, made of titles and reasons."""
    checks = tuple(replace(BY_ALL, endpoint=f"GET /{number}", named_domain=4) for number in range(20))
    runs = [
        Evidence(manifest(tuple(f"{kind}:1" for kind in KINDS[:10]))),
        Evidence(manifest(("witness:GET /1",)), witness_checks=(replace(BY_ALL, endpoint="GET /1"),)),
        Evidence(manifest(()), witness_checks=checks),
    ]
    found = [reason for run in runs for reason in judge(run, CATALOG, Policy()).reasons]
    return [*found, *judged(stands(with_look(ALL, LAST, consistent=False))).reasons]


def left_out() -> list[str]:
    """Why something was left out."""
    scopes = (
        Scope((10, 25), owned=False, quick=True, may_restart=False),
        Scope((10,), owned=False, quick=False, may_restart=False, flag=False, monitoring=False),
    )
    catalog: Catalog = replace(CATALOG, separate_state=True, endpoints=(
        replace(CATALOG.endpoints[0], cases=(replace(CATALOG.endpoints[0].cases[0], derived=True),)),
    ))  # fmt: skip
    return [reason for scope in scopes for reason in owed(catalog, scope)[1].values()]


def of_chain() -> list[str]:
    one = line(1, after(0), "Told", "1", FIRST)
    return list(broken([replace(one, body="2"), line(3, after(1), "Told", "3", FIRST)]))


def parts(sentence: object) -> Iterator[object]:
    """The sentence and all that stands in it."""
    yield sentence
    if isinstance(sentence, Said):
        for value in sentence.values.values():
            yield from parts(value)


def english_left(sentence: str) -> list[str]:
    """English words of ours in the Chinese sentence; what others said is plain text within it."""
    chinese = told(sentence, "zh")
    said = [part for part in parts(sentence) if not isinstance(part, Said) and part is not sentence]
    for part in sorted(map(str, said), key=len, reverse=True):
        chinese = chinese.replace(part, "")
    return re.findall(r"[A-Za-z]{2,}", NAMES.sub("", chinese))


@pytest.mark.parametrize("source", FOUND)
def test_a_finding_is_told_whole_in_chinese(source: str) -> None:
    said = [one.title for one in FOUND[source]]
    said += [one.reason for one in FOUND[source] if one.rule not in OF_OTHERS]
    assert len(said) > 5
    assert {one: left for one in said if (left := english_left(one))} == {}


def test_the_reasons_of_a_verdict_what_was_left_out_and_a_broken_ledger_are_told_whole_in_chinese() -> None:
    said = [*reasons_of_verdicts(), *left_out(), *of_chain()]
    assert {one: left for one in said if (left := english_left(one))} == {}
    assert not [one for one in said if told(one, "zh") == one]


def test_every_line_of_the_sheet_is_said() -> None:
    sheet = Path(texts.__file__).with_name("judge-flag.toml").read_text(encoding="utf-8")
    found = [text for findings in FOUND.values() for one in findings for text in (one.title, one.reason)]
    found += [*reasons_of_verdicts(), *left_out(), *of_chain()]
    said = {part.words if isinstance(part, Said) else str(part) for one in found for part in parts(one)}
    assert tomllib.loads(sheet)["words"].keys() - said == set()
