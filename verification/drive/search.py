"""Looks for a sequence on which the release diverges, and shrinks it. The only importer of hypothesis.

A state machine (Hypothesis, RuleBasedStateMachine) draws calls of the endpoints of one group, with twins that live and
an arm for each; once they are drawn, the whole sequence is walked on control and as routed, and compared.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from collections.abc import Sequence as Ordered
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.reporting import with_reporter
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from verification.catalog.sequences import MADE, Template, pool, templates, twins_of
from verification.core.cases import Catalog, Endpoint
from verification.core.divergence import SequenceOutcome
from verification.core.expectation import SEARCHES
from verification.core.model import Arm
from verification.core.sequences import (
    CONTROL_SIDE,
    Passage,
    Sequence,
    SequenceComparison,
    SequenceSearch,
    Step,
    groups,
    reads_of,
)
from verification.drive.shrink import shrink
from verification.settings import Settings

Walk = Callable[[Sequence, Passage | None], tuple[SequenceComparison, SequenceOutcome]]
"""Walks on both sides, or on one where the passage on control is there already."""
Record = Callable[[SequenceComparison], None]

_FAVOUR = 7
"""How much more often the first twin of a kind is drawn than the next: calls must meet to disturb each other."""
_WRITES = 4
"""How much more often a write is drawn than a read, which changes nothing that could part the arms later, or than a
creation, which only gives the next calls more twins to miss each other on."""
_CANDIDATE_SHARE = 0.4
"""Sequences all on candidate, for each routed one: without a routing to be guessed, fewer find as much."""
_FEWEST = 4
"""Sequences of a search in the smallest group: one or two missed what three calls in order show in 3 of 10 seeds."""
_QUICK_SHARE = 4
"""A quick run draws this part of the sequences."""
_DRAWINGS_PER_EXAMPLE = 10
"""Hypothesis breaks off many drawings before the first step; these are not examples."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one search may cost."""

    examples: int
    steps: int
    """Most steps of one sequence."""
    max_seconds: float
    shrink_seconds: float


class _Enough(BaseException):
    """Ends the drawing at once: no Exception, because Hypothesis would take that for a failure to work on."""


@dataclass(slots=True)
class Search:
    """One search in one group of endpoints. `is_routed` draws an arm for each step; otherwise candidate takes all."""

    key: str
    catalog: Catalog
    endpoints: tuple[Endpoint, ...]
    is_routed: bool
    seed: int
    budget: Budget
    walk: Walk
    record: Record
    _drawn: int = 0
    _tried: int = 0
    _steps_sent: int = 0
    _ended: str = "done"
    _deadline: float = 0.0
    _telling: SequenceComparison | None = None

    @staticmethod
    def of(key: str, catalog: Catalog, settings: Settings, walk: Walk, record: Record) -> Search:
        """The search of that key, with its share of the budget and a seed of its own."""
        endpoints, is_routed, budget = field_of(key, catalog, settings)
        drawn = hashlib.blake2b(f"{settings.run.seed}/{key}".encode(), digest_size=6).digest()
        return Search(key, catalog, endpoints, is_routed, int.from_bytes(drawn), budget, walk, record)

    def run(self) -> tuple[SequenceSearch, SequenceComparison | None]:
        """Search, and shrink what is found. Each sequence tried is recorded; of a shrinking only its end.

        Returns what the search came to, and the sequence that ended it where one did.
        """
        started = time.monotonic()
        self._deadline = started + self.budget.max_seconds
        machine = seed(self.seed)(_machine(self))
        try:
            with with_reporter(lambda _: None):
                run_state_machine_as_test(machine, settings=self._settings())
        except _Enough:
            pass
        if self._ended == "diverged" and self._telling is not None:
            self._shrink(self._telling.sequence)
        if self._telling is not None:
            self.record(self._telling)
        seconds = round(time.monotonic() - started, 3)
        summary = SequenceSearch(
            self.key, self.seed, self.budget.examples, self._tried, self._steps_sent, seconds, self._ended
        )
        return summary, self._telling

    def _settings(self) -> settings:
        # Hypothesis draws; it shrinks what it drew, which here holds far more than the steps, so we shrink those.
        return settings(
            max_examples=_DRAWINGS_PER_EXAMPLE * (self.budget.examples + 1),
            stateful_step_count=self.budget.steps,
            phases=(Phase.generate,),
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )

    def try_out(self, steps: Ordered[Step], routing: Ordered[Arm]) -> None:
        """Walk one drawn sequence; raises where the search has found something or must end.

        Hypothesis begins with the least of everything it can draw: one call over and over. That one is left out.
        """
        self._drawn += 1
        if not steps or self._drawn == 1:
            return
        self._walk_both_ways(steps, routing)
        if self._tried == self.budget.examples:
            raise _Enough

    def _walk_both_ways(self, steps: Ordered[Step], routing: Ordered[Arm]) -> None:
        self._require_time("out of time")
        tokens = pool(self.endpoints)
        reads = reads_of(self.catalog, self.endpoints)
        sequence = Sequence(self.key, twins_of(steps, tokens), tuple(steps), tuple(routing), reads)
        self._tried += 1
        control = self._try_one(sequence)
        if self.is_routed:
            # The other way round costs one passage more, and each divergence that needs both arms has two chances.
            self._try_one(replace(sequence, routing=tuple(map(_other, routing))), control)

    def _try_one(self, sequence: Sequence, control: Passage | None = None) -> Passage | None:
        comparison, outcome = self._walk(sequence, control)
        if outcome.diverged or not outcome.counts:
            self._ended = "diverged" if outcome.diverged else "unproven"
            self._telling = comparison
            raise _Enough
        self.record(comparison)
        return comparison.side(CONTROL_SIDE)

    def _require_time(self, otherwise: str) -> None:
        if time.monotonic() > self._deadline:
            self._ended = otherwise
            raise _Enough

    def _walk(self, sequence: Sequence, control: Passage | None = None) -> tuple[SequenceComparison, SequenceOutcome]:
        comparison, outcome = self.walk(sequence, control)
        sent = [passage for passage in comparison.passages if passage is not control]
        self._steps_sent += sum(len(passage.exchanges) for passage in sent)
        return comparison, outcome

    def _shrink(self, found: Sequence) -> None:
        """Keep the shortest comparison that still diverges, as long as there is time for it."""
        self._deadline = time.monotonic() + self.budget.shrink_seconds
        tokens = pool(self.endpoints)

        def diverges(shorter: Sequence) -> bool:
            self._require_time("diverged")
            comparison, outcome = self._walk(replace(shorter, given=twins_of(shorter.steps, tokens)))
            if outcome.diverged:
                self._telling = comparison
            return outcome.diverged

        with suppress(_Enough):
            shrink(found, diverges, separate_state=self.catalog.separate_state)


def field_of(key: str, catalog: Catalog, settings: Settings) -> tuple[tuple[Endpoint, ...], bool, Budget]:
    """Where the search of that key looks: the endpoints, whether each step has an arm of its own, and its budget."""
    _, kind, group, _ = key.split(":")
    asked, endpoints, is_routed = settings.sequences, groups(catalog)[group], kind == "routed"
    examples = asked.examples // _QUICK_SHARE or 1 if settings.run.quick else asked.examples
    whole = Budget(examples, asked.steps, asked.max_seconds, asked.shrink_seconds)
    return endpoints, is_routed, share_of(whole, catalog, endpoints, is_routed=is_routed)


def share_of(budget: Budget, catalog: Catalog, endpoints: tuple[Endpoint, ...], *, is_routed: bool) -> Budget:
    """The budget of one search: the examples are shared by the number of endpoints and by the searches of a kind."""
    examples = budget.examples * (1.0 if is_routed else _CANDIDATE_SHARE)
    share = examples * len(endpoints) / len(catalog.endpoints) / SEARCHES
    return replace(budget, examples=max(1, round(share), min(_FEWEST, budget.examples)))


def _other(arm: Arm) -> Arm:
    return Arm.CONTROL if arm is Arm.CANDIDATE else Arm.CANDIDATE


def _machine(search: Search) -> type[RuleBasedStateMachine]:
    """A state machine whose rules only draw; what they drew is walked when the machine is torn down."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.steps: list[Step] = []
            self.routing: list[Arm] = []

        def teardown(self) -> None:
            # Hypothesis tears down after Ctrl-C too, and what ends the search here would take the Ctrl-C's place.
            if isinstance(sys.exception(), KeyboardInterrupt):
                return
            search.try_out(self.steps, self.routing)

    for resource, tokens in pool(search.endpoints).items():
        setattr(Machine, f"twins_of_{resource}", _first_twins(resource, tokens))
    Machine.call = _call(search)
    return Machine


def _bundle(resource: str) -> Bundle[str]:
    return Bundle(f"{resource}_tokens")


def _first_twins(resource: str, tokens: tuple[str, ...]) -> Any:
    def twins(_machine: Any) -> Any:
        return multiple(*(tokens[:1] * _FAVOUR), *tokens[1:])

    return initialize(target=_bundle(resource))(twins)


def _call(search: Search) -> Any:
    """The rule: a case of some endpoint, a live twin for each kind of resource, and an arm.

    One rule for all endpoints, because Hypothesis leaves out whole rules at random (swarm testing): then three calls
    that must meet are seldom all there, which costs more here than the density gains.
    """
    tokens = pool(search.endpoints)
    creates = {e.load.creates for e in search.endpoints if e.load.creates in tokens and e.shape.ids}
    target = {"target": _bundle(next(iter(creates)))} if creates else {}

    def call(machine: Any, template: Template, arm: Arm, **drawn: str) -> Any:
        step = template.step(_bound(template, drawn, tokens), len(machine.steps) + 1)
        machine.steps.append(step)
        machine.routing.append(arm)
        if target:
            return f"{MADE}{len(machine.steps)}" if step.creates else multiple()
        return None

    weighted = [e for e in search.endpoints for _ in range(_WRITES if e.writes and not e.load.creates else 1)]
    chosen = st.sampled_from(weighted).flatmap(_cases)
    arms = st.sampled_from(Arm) if search.is_routed else st.just(Arm.CANDIDATE)
    drawn = {f"of_{resource}": _bundle(resource) for resource in tokens}
    decorated = rule(**target, template=chosen, arm=arms, **drawn)  # type: ignore[call-overload]  # the targets are known only here
    return decorated(call)


def _cases(endpoint: Endpoint) -> st.SearchStrategy[Template]:
    """Mostly what succeeds, for only that changes the state."""
    known = list(templates(endpoint))
    valid = [template for template in known if (template.case.status or 0) < 400] or known
    return st.sampled_from(valid) | st.sampled_from(valid) | st.sampled_from(known)


def _bound(template: Template, drawn: dict[str, str], tokens: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Each token of the case bound to a twin: the first of a kind to the one drawn, the others to the rest in turn."""
    bound: dict[str, str] = {}
    for resource in dict.fromkeys(resource for _, resource in template.tokens):
        first = drawn[f"of_{resource}"]
        chain = [first, *(token for token in tokens[resource] if token != first)]
        own = [token for token, kind in template.tokens if kind == resource]
        bound.update(zip(own, chain, strict=False))
    return bound
