"""A mistake of the candidate, made on the evidence of a case in which it made none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from verification.core.cases import Catalog, Endpoint, ReadingSpec, Shape
from verification.core.model import Answer, Comparison, Exchange, Probe, Reading
from verification.core.score.masked import group_values
from verification.core.score.place import Labels
from verification.core.score.tree import Node, grown, written
from verification.core.state import reading_shape

New = Callable[[str], bool]
"""True the first time it is asked about a thing, so that every place is visited once for each endpoint."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake at one place. Without a `candidate` it is left out, because it makes no difference: `excuse`."""

    operator: str
    place: str
    what: str
    candidate: Probe | None
    excuse: str | None = None
    is_wording: bool = False
    """Seen is a note enough: only a text for people is worded in another way."""


@dataclass(frozen=True)
class Situation:
    """A comparison without a difference, and the candidate's documents in it as trees."""

    catalog: Catalog
    endpoint: Endpoint
    comparison: Comparison
    candidate: Probe
    exchange: Exchange
    answer: Answer

    @property
    def shape(self) -> Shape:
        """The shape of the answer."""
        return self.endpoint.shape if self.answer.status < 400 else self.endpoint.error_shape

    @property
    def kind(self) -> str:
        """Whether the case is one of success or of refusal; each has places of its own."""
        return "answer" if self.answer.status < 400 else "refusal"

    @cached_property
    def labels(self) -> Labels:
        """Names of the places of the answer."""
        return Labels(self.shape, self.candidate.names)

    @cached_property
    def body(self) -> Node:
        """The answer's tree; None as for JSON null where it is no JSON."""
        return tree_of(self.answer)

    def spec(self, name: str) -> ReadingSpec:
        """The catalog's entry for a reading."""
        return self.catalog.readings[name]

    def reading(self, name: str, moment: str) -> Reading | None:
        """The candidate's reading, or None."""
        found = (one for one in self.candidate.readings if (one.name, one.moment) == (name, moment))
        return next(found, None)

    def reading_labels(self, name: str) -> Labels:
        """Names of the places of a reading."""
        return Labels(reading_shape(self.spec(name)), self.candidate.names)

    @cached_property
    def grouped(self) -> dict[str, list[str]]:
        """Values of each mask group in everything that control and the request told of this probe."""
        told = [one for one in self.candidate.readings if one.moment != "cross"]
        read = [(self.reading_labels(one.name), tree_of(one.exchange.answer)) for one in told if one.exchange.answer]
        return group_values([(self.labels, self.body), *read])

    def answering(self, **changes: object) -> Probe:
        """The candidate's probe with another answer; its body is text unless `body_is_base64` says otherwise."""
        if "body" in changes:
            changes = {"body_is_base64": False, **changes}
        answer = replace(self.answer, **changes)  # type: ignore[arg-type]  # the fields are named by the callers
        return replace(self.candidate, exchange=replace(self.exchange, answer=answer))

    def reading_instead(self, name: str, trees: dict[str, Node]) -> Probe:
        """The candidate's probe with other bodies in the readings of that name; keys are moments."""
        return replace(
            self.candidate,
            readings=tuple(
                with_tree(one, trees[one.moment]) if one.name == name and one.moment in trees else one
                for one in self.candidate.readings
            ),
        )


def with_tree(reading: Reading, tree: Node) -> Reading:
    """The reading with another body."""
    answer = reading.exchange.answer
    if answer is None:
        return reading
    return replace(reading, exchange=replace(reading.exchange, answer=replace(answer, body=written(tree))))


def tree_of(answer: Answer) -> Node:
    """The tree of a body; None where it is no JSON."""
    try:
        return None if answer.body_is_base64 else grown(answer.body)
    except (ValueError, RecursionError):
        return None
