"""The timetable of one stage: when each request is due and what it asks. Pure; nothing in it waits for an answer.

Arrivals form a Poisson process (exponential gaps), so the load does not slow down with the target: an open loop.
Method: Schroeder, Wierman and Harchol-Balter, Open versus closed (NSDI 2006). Workers share the rate, because
independent Poisson streams add up to one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from verification.catalog.requests import fill
from verification.core.cases import RequestSpec
from verification.core.errors import UsageError
from verification.core.model import Arm, Request

WARM_UP = -1
"""Block of the requests that are sent first and not recorded."""
MIXED, NATURAL, CONTROL_ONLY = "mixed", "natural", "control"
MIN_BLOCKS = 6
FAVOUR = 4
"""How much more often an endpoint is asked at most whose verdict is open, once others are decided."""
LEAST_ASKED = 6
"""Requests in a block that are left to each of the others: a block in which chance gave an arm none tells nothing."""
_WINDOW = 14
"""Blocks of one window: two natural, two of control alone, ten mixed."""
_NATURAL_SHARE, _CONTROL_SHARE, _MIN_OF_A_KIND = 0.13, 0.15, 2


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What one stage sends; the same for all its workers. Durations in seconds."""

    stage_percent: int
    seed: int
    rate_per_s: float
    block_s: float
    kinds: tuple[str, ...]
    warm_up_s: float
    drain_s: float
    ramp_rates: tuple[float, ...] = ()
    """A rate for each block, where it is not the same in all."""

    def rate_at(self, due_s: float) -> float:
        """Requests per second at a moment after the first block began."""
        if not self.ramp_rates:
            return self.rate_per_s
        return self.ramp_rates[min(max(math.floor(due_s / self.block_s), 0), len(self.ramp_rates) - 1)]

    @property
    def measured_s(self) -> float:
        """Length of all time blocks."""
        return self.block_s * len(self.kinds)


@dataclass(frozen=True, slots=True)
class Source:
    """One endpoint's part in the load: how often it is drawn, what it asks, and the twins that both arms share."""

    endpoint: str
    weight: float
    requests: tuple[RequestSpec, ...]
    token: str | None = None
    twins: tuple[str, ...] = ()
    twins_of_candidate: tuple[str, ...] = ()
    """Where each side has a state of its own: the same twins as candidate knows them, in the same order."""
    creates: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due `due_s` after the first time block began (negative while warming up).

    `stream` is the label it is counted under; `arm` is what the request is forced to, None where the flag decides.
    """

    due_s: float
    block: int
    endpoint: str
    stream: str
    arm: Arm | None
    request: Request
    creates: str | None


def block_kinds(blocks: int, seed: int, stage_percent: int, *, natural: bool = True) -> tuple[str, ...]:
    """The kinds of `blocks` time blocks in seeded random order: 13 % natural, 15 % control only, the rest mixed.

    Where no flag routes requests there is no natural traffic to send.

    Random within windows that are alike (a randomised block design): a stage that ends early has its share of each.

    UsageError when there are too few blocks to hold two of each kind.
    """
    if blocks < MIN_BLOCKS:
        raise UsageError(
            f"{blocks} time blocks cannot hold two of each kind; give --blocks {MIN_BLOCKS} or more (a verdict "
            "needs 20 mixed ones, so about 28 in all)."
        )
    users = max(_MIN_OF_A_KIND, round(blocks * _NATURAL_SHARE)) if natural else 0
    control = max(_MIN_OF_A_KIND, round(blocks * _CONTROL_SHARE))
    kinds = [NATURAL] * users + [CONTROL_ONLY] * control + [MIXED] * (blocks - users - control)
    draw, windows = _stream(seed, stage_percent, "kinds"), max(1, blocks // _WINDOW)
    # Dealt like cards, so that every window gets its share of each kind.
    dealt = (kinds[number::windows] for number in range(windows))
    return tuple(kind for window in dealt for kind in draw.sample(window, len(window)))


def arrivals(
    plan: StagePlan,
    sources: Sequence[Source],
    worker: int,
    workers: int,
    base: Mapping[str, str],
    favoured: Callable[[int], frozenset[str]] = lambda _: frozenset(),
) -> Iterator[Arrival]:
    """This worker's share of the timetable, drawn lazily and in order of time.

    `favoured` tells which endpoints are drawn more often in a block: those that earlier blocks left open. What it says
    may depend on earlier blocks only, or a sequential test of what is drawn would not hold.

    Endpoint, request and twin are drawn before the coin that picks the arm, so both arms ask the same things. `base`
    holds the placeholders that every request knows; `run` is made unique by a running number.
    """
    draw = _stream(plan.seed, plan.stage_percent, f"arrivals:{worker}")
    thresholds, thresholds_of = _thresholds(plan, sources, frozenset()), WARM_UP
    due, number = -plan.warm_up_s, 0
    while True:
        due += draw.expovariate(plan.rate_at(due) / workers)
        if due >= plan.measured_s:
            return
        number += 1
        block = WARM_UP if due < 0 else min(math.floor(due / plan.block_s), len(plan.kinds) - 1)
        if block != thresholds_of:
            # Natural traffic is what users send, and control alone is held against control in mixed blocks' usual mix.
            may_favour = block != WARM_UP and plan.kinds[block] == MIXED
            thresholds = _thresholds(plan, sources, favoured(block) if may_favour else frozenset())
            thresholds_of = block
        source = draw.choices(sources, cum_weights=thresholds)[0]
        spec = draw.choice(source.requests)
        unique = f"{base['run']}-{number}"
        names = {**base, "run": unique, "self": unique}
        twin = draw.randrange(len(source.twins)) if source.token is not None else 0
        heads = draw.random() < 0.5
        stream, arm = _assign(MIXED if block == WARM_UP else plan.kinds[block], plan.stage_percent, heads=heads)
        if source.token is not None:
            of_arm = source.twins_of_candidate if arm is Arm.CANDIDATE else ()
            names[source.token] = (of_arm or source.twins)[twin]
        yield Arrival(due, block, source.endpoint, stream, arm, fill(spec, names), source.creates)


def _thresholds(plan: StagePlan, sources: Sequence[Source], favoured: frozenset[str]) -> list[float]:
    open_ = sum(source.weight for source in sources if source.endpoint in favoured)
    others = [source.weight for source in sources if source.endpoint not in favoured]
    favour = 1.0
    if open_ and others:
        spare = plan.rate_per_s * plan.block_s * min(others) / LEAST_ASKED - sum(others)
        favour = min(FAVOUR, max(1.0, spare / open_))
    return list(accumulate(source.weight * (favour if source.endpoint in favoured else 1) for source in sources))


def _assign(kind: str, stage_percent: int, *, heads: bool) -> tuple[str, Arm | None]:
    if kind == NATURAL:
        return "natural", None
    if kind == CONTROL_ONLY:
        return Arm.CONTROL.value, Arm.CONTROL
    label = Arm.CANDIDATE if heads else Arm.CONTROL
    # Stage 0 is A/A: both labels ask the control implementation, so what differs is noise.
    return label.value, Arm.CONTROL if stage_percent == 0 else label


def _stream(seed: int, stage_percent: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}:{stage_percent}:{purpose}")  # noqa: S311  # a reproducible draw, not a secret
