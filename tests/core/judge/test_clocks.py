"""A change is proven on both of the client's clocks; the server's own may hold, and promotes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.judge.builders import stage, with_server_times
from tests.core.judge.loads import judged, rules
from verification.core.model import Verdict
from verification.core.records import LoadBlock, LoadCell, LoadEnd, LoadStart

WORKERS = ("load.workers", Verdict.INCONCLUSIVE)


def sent_later(built: tuple[LoadStart, list[LoadBlock], LoadEnd], bins: int) -> list[LoadBlock]:
    """The blocks with candidate's times from sending moved up."""

    def told(one: LoadCell) -> LoadCell:
        late = bins if one.stream == "candidate" else 0
        return replace(one, sent={number + late: count for number, count in one.sent.items()})

    return [replace(block, cells=tuple(map(told, block.cells))) for block in built[1]]


def test_slower_from_sending_alone_is_found_and_the_clock_is_named() -> None:
    start, blocks, end = built = stage()
    found = judged((start, sent_later(built, 60), end))
    assert {(finding.rule, finding.verdict) for finding in found.findings} == {("latency.p95", Verdict.ROLLBACK)}
    assert all("from sending" in finding.title for finding in found.findings)
    assert {row.change.verdict for row in found.latency} == {Verdict.PROMOTE}
    assert blocks != sent_later(built, 60)


def test_both_clocks_must_be_proven() -> None:
    start, blocks, end = stage()
    untold = [replace(block, cells=tuple(replace(one, sent={}) for one in block.cells)) for block in blocks]
    assert rules(judged((start, untold, end))) == {("latency.p95", Verdict.INCONCLUSIVE), WORKERS}


def test_slower_on_both_clocks_is_told_once() -> None:
    start, blocks, end = stage(scale=2.2)
    titles = [finding.title for finding in judged((start, blocks, end)).findings if finding.rule == "latency.p95"]
    assert len(titles) == 2
    assert not any("from sending" in title for title in titles)


def test_the_servers_own_clock_holds_and_never_rolls_back_or_promotes() -> None:
    assert rules(judged(with_server_times(stage()))) == set()
    assert rules(judged(with_server_times(stage(), slower=80))) == {("latency.server", Verdict.HOLD)}
    fine_by_itself = judged(with_server_times(stage(scale=2.2), slower=-300))
    assert rules(fine_by_itself) == {("latency.p95", Verdict.ROLLBACK)}


def told_by_the_slowest(one: LoadCell, share: float) -> LoadCell:
    """Control tells every server time, the candidate that of its slowest `share` of requests alone."""
    left = one.requests if one.stream == "control" else round(share * one.requests)
    told: dict[int, int] = {}
    for number, count in sorted(one.intended.items(), reverse=True):
        told[number] = min(count, left)
        left -= told[number]
    return replace(one, server=told)


@pytest.mark.parametrize(("share", "asked"), [(0.1, False), (0.985, False), (0.99, True), (1.0, True)])
def test_a_server_clock_that_too_few_answers_told_raises_no_alarm(share: float, asked: bool) -> None:
    start, blocks, end = stage(requests=200)
    told = [replace(block, cells=tuple(told_by_the_slowest(one, share) for one in block.cells)) for block in blocks]
    found = judged((start, told, end))
    assert rules(found) == set()
    assert {row.server is not None for row in found.latency} == {asked}


def test_requests_that_are_not_on_both_clients_clocks_keep_the_release_from_being_promoted() -> None:
    start, blocks, end = stage()
    lost = [replace(one, sent=dict(sorted(one.sent.items())[::2])) for one in blocks[0].cells]
    assert rules(judged((start, [replace(blocks[0], cells=tuple(lost)), *blocks[1:]], end))) == {WORKERS}
