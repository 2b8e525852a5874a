"""What was worked out of a thing, so that it is worked out once however many questions are asked about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_Known = dict[tuple[object, ...], tuple[tuple[object, ...], Any]]


class Memory:
    """Results by what was asked and of which objects. The objects are frozen and are kept, so that none is mistaken."""

    __slots__ = ("_earlier", "_known")

    def __init__(self) -> None:
        self._earlier: _Known = {}
        self._known: _Known = {}

    def once(self, what: str, subjects: tuple[object, ...], work: Callable[[], T]) -> T:
        """The result of `work`, which depends on nothing but `what` and `subjects`."""
        key = (what, *map(id, subjects))
        known = self._known.get(key) or self._earlier.get(key)
        if known is None:
            known = self._known[key] = (subjects, work())
        result: T = known[1]
        return result

    def page(self) -> Memory:
        """A memory that knows what this one knows; what it learns is forgotten with it."""
        page = Memory()
        page._earlier = {**self._earlier, **self._known} if self._earlier else self._known
        return page
