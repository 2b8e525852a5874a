from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest

from loadtests.timetable import FAVOUR, MIN_BLOCKS, MIXED, WARM_UP, Source, StagePlan, arrivals, block_kinds
from verification.core.cases import RequestSpec
from verification.core.errors import UsageError
from verification.core.model import Arm

STATUS = Source(
    "GET /cameras/{id}/status",
    3.0,
    (RequestSpec("GET", "/cameras/{camera}/status"),),
    "camera",
    ("one", "two", "three"),
)
CREATE = Source(
    "POST /alerts/rules",
    1.0,
    (RequestSpec("POST", "/alerts/rules", body={"name": "{run}"}, has_body=True),),
    creates="rule",
)
NAMES = {"run": "gate-x-w0-load", "absent": "gate-x-absent"}


def plan(stage_percent: int = 25, seed: int = 7, rate_per_s: float = 500.0, blocks: int = 40) -> StagePlan:
    return StagePlan(stage_percent, seed, rate_per_s, 0.5, block_kinds(blocks, seed, stage_percent), 1.0, 10.0)


def test_the_same_seed_gives_the_same_timetable_and_another_seed_another_one() -> None:
    first = list(arrivals(plan(), (STATUS, CREATE), 0, 1, NAMES))
    assert first == list(arrivals(plan(), (STATUS, CREATE), 0, 1, NAMES))
    assert first != list(arrivals(plan(seed=8), (STATUS, CREATE), 0, 1, NAMES))


def test_every_worker_has_a_stream_of_its_own_and_together_they_reach_the_rate() -> None:
    streams = [list(arrivals(plan(), (STATUS,), worker, 2, NAMES)) for worker in (0, 1)]
    assert streams[0][0].due_s != streams[1][0].due_s
    measured = sum(arrival.block != WARM_UP for stream in streams for arrival in stream)
    # 20 s at 500/s; six standard deviations of a Poisson count of 10,000
    assert measured == pytest.approx(10_000, abs=600)


def test_arrivals_are_in_order_and_belong_to_the_block_in_which_they_are_due() -> None:
    drawn = list(arrivals(plan(), (STATUS,), 0, 1, NAMES))
    assert all(before.due_s < after.due_s for before, after in pairwise(drawn))
    assert all(arrival.block == (WARM_UP if arrival.due_s < 0 else int(arrival.due_s / 0.5)) for arrival in drawn)
    assert drawn[0].due_s < 0
    assert drawn[-1].due_s < plan().measured_s


def test_gaps_are_exponential() -> None:
    drawn = list(arrivals(plan(), (STATUS,), 0, 1, NAMES))
    gaps = [after.due_s - before.due_s for before, after in pairwise(drawn)]
    mean = sum(gaps) / len(gaps)
    variation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean
    assert variation == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("blocks", [MIN_BLOCKS, 7, 30, 40, 80])
def test_every_kind_of_block_occurs_at_least_twice_and_most_are_mixed(blocks: int) -> None:
    kinds = Counter(block_kinds(blocks, 1, 25))
    assert kinds.total() == blocks
    assert min(kinds["natural"], kinds["control"], kinds["mixed"]) >= 2
    if blocks >= 30:
        assert kinds["mixed"] / blocks == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("blocks", [66, 100, 160])
def test_a_stage_that_ends_early_has_its_share_of_every_kind(blocks: int, seed: int) -> None:
    early = Counter(block_kinds(blocks, seed, 25)[:30])
    assert early["mixed"] >= 20
    assert early["natural"] >= 3
    assert early["control"] >= 3


def test_an_endpoint_that_is_open_is_asked_more_often_from_its_block_on_and_no_other_is_left_out() -> None:
    def told(block: int) -> frozenset[str]:
        return frozenset({CREATE.endpoint} if block >= 20 else ())

    found = list(arrivals(plan(), (STATUS, CREATE), 0, 1, NAMES, told))
    mixed = [one for one in found if one.block >= 0 and plan().kinds[one.block] == MIXED]
    before, after = (Counter(one.endpoint for one in mixed if (one.block >= 20) is later) for later in (False, True))
    assert before[CREATE.endpoint] / before.total() == pytest.approx(1 / 4, abs=0.03)
    assert after[CREATE.endpoint] / after.total() == pytest.approx(FAVOUR / (3 + FAVOUR), abs=0.03)
    assert after[STATUS.endpoint] > 0
    # Natural traffic stays what users send, and control alone stays comparable with itself.
    others = Counter(one.endpoint for one in found if one.block >= 20 and one not in mixed)
    assert others[CREATE.endpoint] / others.total() == pytest.approx(1 / 4, abs=0.04)


def test_on_a_ramp_each_block_has_its_own_rate() -> None:
    ramp = StagePlan(0, 7, 100.0, 5.0, ("control",) * 3, 1.0, 10.0, ramp_rates=(50.0, 100.0, 200.0))
    found = list(arrivals(ramp, (STATUS,), 0, 1, NAMES))
    counts = Counter(one.block for one in found)
    assert [counts[block] / 5 for block in range(3)] == pytest.approx([50, 100, 200], rel=0.25)
    assert {one.stream for one in found if one.block != WARM_UP} == {"control"}


def test_the_order_of_blocks_depends_on_seed_and_stage() -> None:
    assert block_kinds(40, 1, 25) == block_kinds(40, 1, 25)
    assert block_kinds(40, 1, 25) != block_kinds(40, 2, 25)
    assert block_kinds(40, 1, 25) != block_kinds(40, 1, 50)


def test_too_few_blocks_are_refused_with_the_number_that_would_do() -> None:
    with pytest.raises(UsageError, match=f"--blocks {MIN_BLOCKS}"):
        block_kinds(MIN_BLOCKS - 1, 1, 25)


def test_arms_are_drawn_half_and_half_in_mixed_blocks_whatever_the_stage_percent_is() -> None:
    kinds = plan(stage_percent=10).kinds
    mixed = [
        a
        for a in arrivals(plan(stage_percent=10), (STATUS,), 0, 1, NAMES)
        if a.block >= 0 and kinds[a.block] == "mixed"
    ]
    share = sum(arrival.arm is Arm.CANDIDATE for arrival in mixed) / len(mixed)
    assert share == pytest.approx(0.5, abs=0.03)
    assert all(arrival.arm is not None and arrival.stream == arrival.arm.value for arrival in mixed)


def test_natural_blocks_force_nothing_and_control_blocks_force_control() -> None:
    current = plan()
    for arrival in arrivals(current, (STATUS,), 0, 1, NAMES):
        if arrival.block >= 0 and current.kinds[arrival.block] == "natural":
            assert (arrival.stream, arrival.arm) == ("natural", None)
        if arrival.block >= 0 and current.kinds[arrival.block] == "control":
            assert (arrival.stream, arrival.arm) == ("control", Arm.CONTROL)


def test_at_stage_zero_both_labels_ask_control() -> None:
    current = plan(stage_percent=0)
    forced = [a for a in arrivals(current, (STATUS,), 0, 1, NAMES) if a.stream != "natural"]
    assert {arrival.stream for arrival in forced} == {"control", "candidate"}
    assert {arrival.arm for arrival in forced} == {Arm.CONTROL}


def test_both_arms_share_endpoints_and_twins() -> None:
    drawn = [a for a in arrivals(plan(), (STATUS, CREATE), 0, 1, NAMES) if a.stream != "natural"]
    by_arm = {arm: Counter((a.endpoint, a.request.path) for a in drawn if a.stream == arm.value) for arm in Arm}
    assert by_arm[Arm.CONTROL].keys() == by_arm[Arm.CANDIDATE].keys()
    weights = Counter(arrival.endpoint for arrival in drawn)
    assert weights[STATUS.endpoint] / weights[CREATE.endpoint] == pytest.approx(3.0, rel=0.15)


def test_what_a_request_creates_has_a_name_of_its_own() -> None:
    bodies = [arrival.request.body for arrival in islice(arrivals(plan(), (CREATE,), 0, 1, NAMES), 200)]
    assert len(set(bodies)) == 200
    assert all(body is not None and "gate-x-w0-load-" in body for body in bodies)


@pytest.mark.parametrize(("rate_per_s", "favour"), [(500.0, FAVOUR), (20.0, 2.0), (10.0, 1.0)])
def test_no_endpoint_is_favoured_so_much_that_the_others_have_blocks_with_one_arm(
    rate_per_s: float, favour: float
) -> None:
    slow = plan(rate_per_s=rate_per_s, blocks=2_000)
    found = arrivals(slow, (STATUS, CREATE), 0, 1, NAMES, lambda _: frozenset({CREATE.endpoint}))
    mixed = Counter(one.endpoint for one in found if one.block >= 0 and slow.kinds[one.block] == MIXED)
    assert mixed[CREATE.endpoint] / mixed.total() == pytest.approx(favour / (3 + favour), abs=0.03)
