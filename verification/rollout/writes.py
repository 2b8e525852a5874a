"""What a look writes where it was asked to: for each kind of twin one case of the catalog on both arms, compared as the
gate compares it, and undone.

What is made is told in a journal before, in a folder of its own beside the ledger that is laid out as a run's is. The
folder goes when all is undone. One that is there was left by a look that was killed: the next one undoes it, or
`python -m verification cleanup FOLDER` does.
"""

from __future__ import annotations

import random
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from verification.catalog.leaving import without_destructive
from verification.catalog.placeholders import tokens_in
from verification.cleanup import sweep
from verification.core.cases import Case, Catalog, Endpoint
from verification.core.errors import CatalogError, EvidenceError, GateError, UsageError
from verification.core.hygiene import without_expired
from verification.core.judge.parity import acceptance
from verification.core.model import Arm, Comparison, Difference, Exchange, Verdict
from verification.core.outcome import CaseOutcome
from verification.core.paired import Field, field_of, fields_of
from verification.core.redact import redact_text
from verification.core.release.call import PLAIN, Call
from verification.core.release.events import Written
from verification.core.weight import places, weight_of
from verification.drive.caller import Caller, was_asked
from verification.drive.probe import ARMS, Prober
from verification.evidence import read_manifest, start_run
from verification.journal import JOURNAL_DIR, JournalWriter
from verification.manifest import new_manifest, redacted_routing
from verification.rollout.call import call_of
from verification.rollout.clock import Clock
from verification.rollout.heard import is_error, seen_of
from verification.settings import Settings, require_allowed_target

_TIMES = 6
"""A difference counts where it shows so many times in a row, with new twins each time: others write meanwhile, and what
they do between two readings looks like a deed of the request. The sides are sent in an order that is drawn, so a change
of theirs meets candidate alone, and neither of control's two sides, in 4 of 27 comparisons at most (where it falls into
every third probe). Six in a row come to one in 100,000 looks; three in a row would come within days."""
_CLEANUP_S = 60.0
"""Longest time of undoing what a look could not undo on its way; then the next look goes on with it."""

Deed = tuple[Endpoint, Case]
Hear = Callable[[Exchange], None]


def require_writable(settings: Settings, catalog: Catalog) -> None:
    """Refuse looks that are to write and may not, or cannot; nothing where they only read."""
    if not settings.release.look.writes:
        return
    require_allowed_target(settings)
    if not deeds_of(settings, catalog):
        raise UsageError(
            "[release.look] writes = true: the catalog has nothing that a look may write. It needs an endpoint with "
            "`writes: true` and a case of status 2xx whose request names a twin of its own; every kind of twin in it "
            "must have `remove` (what cannot be removed would pile up, look by look), and the endpoint must not be "
            "destructive. Add one, or leave `writes` out."
        )


def deeds_of(settings: Settings, catalog: Catalog) -> dict[str, list[list[Deed]]]:
    """What looks may write: kind of twin -> by endpoint its cases. Everything that is made or changed is ours, and can
    be removed."""
    if not settings.run.allow_destructive:
        try:
            catalog, _ = without_destructive(catalog)
        except CatalogError:
            return {}
    found: dict[str, list[list[Deed]]] = {}
    for endpoint in catalog.endpoints:
        deeds = [(endpoint, case) for case in endpoint.cases if _may_be_written(catalog, endpoint, case)]
        if deeds:
            found.setdefault(_kinds(*deeds[0])[0], []).append(deeds)
    return found


def _may_be_written(catalog: Catalog, endpoint: Endpoint, case: Case) -> bool:
    succeeds = case.status is not None and case.status < 300 and not case.derived
    kinds = _kinds(endpoint, case)
    is_ours = endpoint.load.creates is not None or bool(tokens_in(case.request) & {twin.token for twin in case.given})
    return endpoint.writes and succeeds and is_ours and all(catalog.resources[kind].remove for kind in kinds)


def _kinds(endpoint: Endpoint, case: Case) -> list[str]:
    """The kinds of twins that a case makes."""
    created = [] if endpoint.load.creates is None else [endpoint.load.creates]
    return [*(twin.resource for twin in case.given), *created]


def _due(deeds: Sequence[Sequence[Deed]], slot: int) -> Deed:
    """One endpoint after the other, look by look; then each with its next case."""
    of = deeds[slot % len(deeds)]
    return of[slot // len(deeds) % len(of)]


def write(
    caller: Caller, settings: Settings, catalog: Catalog, clock: Clock, *, percent: int, slot: int, hear: Hear
) -> Written:
    """Write what is due at this look, on both arms. Never raises for what the backend or the disk does.

    `hear` is told of each exchange of undoing what is left, which goes through a caller of its own.
    """
    shelf, call = _shelf(settings), call_of(settings)
    if not settings.release.look.writes:
        begun = [folder for folder in _folders(shelf) if (folder / JOURNAL_DIR).exists()]
        return Written(left=tuple(_told(folder, "what a look that was killed has made", call) for folder in begun))
    ends = clock.elapsed() + _CLEANUP_S
    left = [words for folder in _folders(shelf) for words in _tidy(folder, settings, ends - clock.elapsed(), hear)]
    catalog = without_expired(catalog, clock.now().date())
    work = _Work(caller, settings, clock.now().date(), hear)
    due = [_due(deeds, slot) for deeds in deeds_of(settings, catalog).values()]
    try:
        # Two looks must not draw the same order of the arms.
        seed = random.Random(f"{settings.run.seed}/{percent}/{slot}").getrandbits(32)  # noqa: S311  # drawn, not secret
        left += _compare_all(work, catalog, due, shelf / f"{percent}-{slot}-{secrets.token_hex(4)}", seed)
    except EvidenceError as error:
        # Without a journal nothing is made.
        known = dict(work.unproven)
        work.unproven += [(one.id, str(error)) for one, _ in due if one.id not in known]
    return work.written(left)


def _compare_all(work: _Work, catalog: Catalog, due: Sequence[Deed], folder: Path, seed: int) -> list[str]:
    """Compare in a new folder with a journal; what is left, in words."""
    settings = work.settings
    if (refused := work.caller.refused) is not None:
        work.unproven += [(endpoint.id, f"not asked: {refused}") for endpoint, _ in due]
        return []
    tag = _begin(folder, settings, catalog)
    journal, is_undone = JournalWriter(folder, "look"), False
    left: list[str] = []
    try:
        prober = Prober(work.caller, catalog, f"{tag}-look", seed, journal.note)
        for endpoint, case in due:
            work.compare(prober, endpoint, case)
        is_undone = work.is_undone
    finally:
        journal.close()
        if is_undone:
            _remove(folder)
        else:
            left = _tidy(folder, settings, _CLEANUP_S, work.hear)
    return left


@dataclass(slots=True)
class _Work:
    """What comes of the writes of one look."""

    caller: Caller
    settings: Settings
    today: date
    hear: Hear
    exchanges: dict[tuple[str, Arm], list[Exchange]] = field(default_factory=dict)
    unsent: dict[tuple[str, Arm], int] = field(default_factory=dict)
    """Twins that could not be made, so that nothing was sent: errors of the arm through which they are made."""
    differing: list[str] = field(default_factory=list)
    worded: list[str] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)
    is_undone: bool = True
    """False where something may still be there."""

    def compare(self, prober: Prober, endpoint: Endpoint, case: Case) -> None:
        """Compare a case as often as it takes to know whether a difference stays."""
        staying: dict[tuple[str, str, str], Difference] | None = None
        noisy: set[Field] = set()
        for time in range(1, _TIMES + 1):
            attempts = prober.compare(endpoint, case, time)
            for comparison, outcome in attempts:
                self._count(prober, endpoint, comparison)
                noisy |= fields_of(outcome.noise)
            reason = self._unproven(*attempts[-1])
            if reason is not None:
                self.unproven.append((endpoint.id, f"{case.id}: {reason}"))
                return
            seen = {(one.where, one.path, one.kind): one for one in attempts[-1][1].differences}
            seen = {key: one for key, one in seen.items() if not self._is_accepted(endpoint, one)}
            staying = seen if staying is None else {key: one for key, one in staying.items() if key in seen}
            if not staying:
                return
        found = [one for one in (staying or {}).values() if field_of(one) not in noisy]
        if not found:
            said = f"{case.id}: control disagreed with itself now and then at {places((staying or {}).values())}"
            self.unproven.append((endpoint.id, said))
            return
        is_grave = any(weight_of(one) is Verdict.ROLLBACK for one in found)
        (self.differing if is_grave else self.worded).append(f"{endpoint.id}, {case.id}: {places(found)}")

    def _count(self, prober: Prober, endpoint: Endpoint, comparison: Comparison) -> None:
        # What it created itself may be there although its answer names nothing.
        self.is_undone = self.is_undone and endpoint.load.creates is None
        for probe in comparison.probes:
            arm = ARMS[probe.side]
            exchanges = self.exchanges.setdefault((endpoint.id, arm), [])
            if probe.exchange is not None:
                exchanges.append(probe.exchange)
            elif self.caller.refused is None:
                home = (endpoint.id, prober.home(probe.side))
                self.unsent[home] = self.unsent.get(home, 0) + 1
            is_answered = probe.exchange is not None and probe.exchange.answer is not None
            self.is_undone = self.is_undone and is_answered and not probe.leftover

    def _unproven(self, comparison: Comparison, outcome: CaseOutcome) -> str | None:
        """Why the comparison does not say whether the arms do the same; None where it does."""
        asked = [probe.exchange for probe in comparison.probes if probe.exchange is not None]
        unasked = next((one.failure for one in asked if not was_asked(one)), None)
        if unasked is not None:
            return unasked
        if any(is_error(one, self.settings) for one in asked):
            return "it ended in an error, which is counted"
        if not outcome.proven:
            return "; ".join(finding.reason for finding in outcome.circumstances) or "it proves nothing"
        return f"control disagrees with itself at {places(outcome.noise)}" if outcome.noise else None

    def _is_accepted(self, endpoint: Endpoint, difference: Difference) -> bool:
        found = acceptance(endpoint.id, difference, self.settings.accepted, self.today)
        return found is not None and found.expires >= self.today

    def written(self, left: Sequence[str]) -> Written:
        """What the ledger keeps of it."""
        names = dict.fromkeys(name for name, _ in self.exchanges)
        seen = tuple(
            seen_of(
                name, arm, self.exchanges.get((name, arm), ()), self.settings, unsent=self.unsent.get((name, arm), 0)
            )
            for name in names
            for arm in Arm
        )
        return Written(seen, tuple(self.differing), tuple(self.worded), tuple(self.unproven), tuple(left))


def _shelf(settings: Settings) -> Path:
    """Where the folders of looks that write stand: beside the ledger, by whichever name it was called."""
    ledger = settings.release.ledger.resolve()
    return ledger.with_name(f"{ledger.name}.writes")


def _folders(shelf: Path) -> list[Path]:
    # Beside a folder that was cleaned up by hand stands a link to it.
    return sorted(path for path in shelf.glob("*") if path.is_dir() and not path.is_symlink())


def _begin(folder: Path, settings: Settings, catalog: Catalog) -> str:
    """Make the folder; the tag that every name of this look carries."""
    manifest = new_manifest(
        folder.name,
        seed=settings.run.seed,
        target=" and ".join(settings.target.urls),
        owned=False,
        stages=(),
        quick=False,
        expected=(),
        omitted={},
        routing=settings.routing,
    )
    start_run(folder, manifest, catalog, settings.policy)
    return manifest.tag


def _tidy(folder: Path, settings: Settings, longest_s: float, hear: Hear) -> list[str]:
    """Undo what a look has left, and remove its folder then; what is still there, in words."""
    try:
        if (folder / JOURNAL_DIR).exists():
            manifest = read_manifest(folder)
            here = redact_text(" and ".join(settings.target.urls)), redacted_routing(settings.routing)
            if (manifest.target, manifest.routing) != here:
                return [_told(folder, f"what a look at {manifest.target} (or with another [arm]) has made", PLAIN)]
            if left := sweep(folder, settings, longest_s=max(0.0, longest_s), hear=hear).left:
                return [_told(folder, "; ".join(left), call_of(settings))]
    except GateError as error:
        return [_told(folder, str(error), call_of(settings))]
    _remove(folder)
    return []


def _remove(folder: Path) -> None:
    # The journal first: one without its manifest, which a kill may leave, would be told of for ever.
    shutil.rmtree(folder / JOURNAL_DIR, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _told(folder: Path, what: str, call: Call) -> str:
    return f"{what} (`{call.cleanup(str(folder))}` undoes it)"
