"""Makes a diverging sequence as short as it can be: delta debugging (Zeller and Hildebrandt 2002) over the steps, then
over the routing. Each trial is a walk on the target, so they are few and bounded by the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from verification.core.model import Arm
from verification.core.sequences import Sequence

Diverges = Callable[[Sequence], bool]
"""Whether this sequence still diverges; an exception from it ends the shrinking."""


def shrink(sequence: Sequence, diverges: Diverges, *, separate_state: bool = False) -> Sequence:
    """The shortest sequence found, with as few steps on candidate as it takes: no single step can be left out, and no
    single step can go to control, without the divergence being gone.

    Where each side has a state of its own every step stays where it is: a step on control would be missing in the state
    that the later ones meet, and diverge for that alone.
    """
    known = sequence
    while True:
        shorter = _leave_out(known, diverges)
        shorter = shorter if separate_state else _route_back(shorter, diverges)
        if shorter == known:
            return known
        # A step that only candidate needed may have become needless.
        known = shorter


def _leave_out(sequence: Sequence, diverges: Diverges) -> Sequence:
    size = len(sequence.steps) // 2
    while size:
        start = len(sequence.steps) - size
        while start > -size:
            shorter = without(sequence, max(0, start), start + size)
            if shorter.steps and diverges(shorter):
                sequence = shorter
            start -= size
        size //= 2
    return sequence


def without(sequence: Sequence, start: int, end: int) -> Sequence:
    """The sequence without the steps from `start` up to but not including `end`."""
    kept = [*range(start), *range(end, len(sequence.steps))]
    steps = tuple(sequence.steps[number] for number in kept)
    return replace(sequence, steps=steps, routing=tuple(sequence.routing[number] for number in kept))


def _route_back(sequence: Sequence, diverges: Diverges) -> Sequence:
    for number, arm in enumerate(sequence.routing):
        if arm is Arm.CANDIDATE:
            routing = (*sequence.routing[:number], Arm.CONTROL, *sequence.routing[number + 1 :])
            safer = replace(sequence, routing=routing)
            if diverges(safer):
                sequence = safer
    return sequence
