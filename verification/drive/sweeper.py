"""Undoes what a run has left on its target, whatever ended the run: by its journal and by what the target shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from verification.catalog.requests import fill
from verification.core.cases import Catalog, RequestSpec
from verification.core.journal import Entry, Note, Survey, Thing, Unmade, is_readable, side, survey
from verification.core.model import Arm, Exchange, Json
from verification.drive.caller import Caller, json_body

_ROUNDS = 3
"""Looks at the target: the last request of a killed run may still be under way when the first look is taken."""
_SILENT = 3
"""Requests without an answer, one after the other, and the target counts as gone: waiting again would help nobody."""
_GONE = (404, 410)


@dataclass(slots=True)
class Swept:
    """What became of a run's things. `left` says of each what is still there, or may be, and why."""

    removed: list[str] = field(default_factory=list)
    neutralised: list[str] = field(default_factory=list)
    neutral_before: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, other: Swept) -> None:
        """Take over what became of other things of the run."""
        for name in ("removed", "neutralised", "neutral_before", "gone", "left"):
            getattr(self, name).extend(getattr(other, name))


class Sweeper:
    """Cleans one target up after one run, on the side of one home: everything goes through that arm."""

    def __init__(self, caller: Caller, catalog: Catalog, note: Note, home: Arm = Arm.CONTROL) -> None:
        self._caller, self._catalog, self._note, self._home = caller, catalog, note, home
        self._silent = 0

    def sweep(self, entries: Iterable[Entry], prefix: str) -> Swept:
        """Undo what the journal's entries name and the target still has. `prefix` begins each name of the run."""
        known = list(entries)
        swept = Swept()
        failed: dict[Thing, str] = {}
        for _ in range(_ROUNDS):
            found, unread = self._look(known, prefix)
            self._settle(known, found.gone, swept.gone)
            for thing in found.to_undo:
                self._undo(thing, known, swept, failed)
            if not found.to_undo:
                break
        found, unread = self._look(known, prefix)
        swept.neutral_before = [str(one) for one in found.neutral if str(one) not in swept.neutralised]
        swept.left += [f"{thing} ({failed.get(thing, 'it was undone and is there again')})" for thing in found.to_undo]
        swept.left += [f"{words} (not in the run's journal, so it was left alone)" for words in found.unknown]
        swept.left += unread
        still_there = {str(thing) for thing in found.to_undo}
        swept.removed = [words for words in dict.fromkeys(swept.removed) if words not in still_there]
        swept.neutralised = [words for words in dict.fromkeys(swept.neutralised) if words not in still_there]
        return swept

    def _look(self, known: list[Entry], prefix: str) -> tuple[Survey, list[str]]:
        readings: dict[str, Json] = {}
        unread = []
        for name, spec in self._catalog.readings.items():
            exchange = self._ask(spec.request, "")
            body: Json = None if exchange is None else json_body(exchange)
            if exchange is None or _status(exchange) != 200 or not is_readable(spec, body):
                what = f"whatever reading {name!r} would show{side(self._home)}"
                unread.append(f"{what} (it could not be read: {_said(exchange)})")
            else:
                readings[name] = body
        return survey(self._catalog, known, readings, prefix, self._home), unread

    def _undo(self, thing: Thing, known: list[Entry], swept: Swept, failed: dict[Thing, str]) -> None:
        resource = self._catalog.resources[thing.resource]
        exchanges = [self._ask(step, thing.actual) for step in resource.remove or resource.neutralise]
        # Only the last request of a removal removes; those before it may be refused when there is nothing to prepare.
        deciding = exchanges[-1:] if resource.remove else exchanges
        bad = next((one for one in deciding if one is None or not _status(one) < 300), deciding[0])
        if bad is not None and _status(bad) in _GONE:
            self._settle(known, (thing,), swept.gone)
        elif bad is not None and _status(bad) < 300:
            self._settle(known, (thing,), swept.removed if resource.remove else swept.neutralised)
        else:
            failed[thing] = f"could not be {'removed' if resource.remove else 'neutralised'}: {_said(bad)}"

    def _settle(self, known: list[Entry], things: Iterable[Thing], where: list[str]) -> None:
        for thing in things:
            entry = Unmade(thing.resource, thing.actual, thing.home)
            self._note(entry)
            known.append(entry)
            where.append(str(thing))

    def _ask(self, spec: RequestSpec, actual: str) -> Exchange | None:
        """The exchange; None once the target is silent."""
        if self._silent >= _SILENT:
            return None
        exchange = self._caller.call(fill(spec, {"self": actual}), self._home)
        self._silent = self._silent + 1 if exchange.answer is None else 0
        return exchange


def _status(exchange: Exchange) -> int:
    return exchange.answer.status if exchange.answer is not None else 999


def _said(exchange: Exchange | None) -> str:
    if exchange is None:
        return "the target does not answer any more"
    if exchange.answer is None:
        return f"no answer: {exchange.failure}"
    asked = f"{exchange.request.method} {exchange.request.path}"
    return f"{asked} answered {exchange.answer.status}: {exchange.answer.body[:120]}"
