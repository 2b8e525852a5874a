"""One look at a backend within a stage: reads on both arms in a drawn order, writes where they were asked for, and what
the backend tells of itself."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from verification.catalog.requests import fill
from verification.core.arms import implementation
from verification.core.cases import Catalog, Shape
from verification.core.compare import compare_values
from verification.core.documents import Names, member
from verification.core.model import Arm, Exchange, Implementation, Json, Request
from verification.core.redact import Redactor
from verification.core.release.events import Counters, Look, Seen, Written
from verification.core.state import document
from verification.drive.caller import Caller, json_body, was_asked
from verification.drive.connect import connect
from verification.drive.flag import usage_in
from verification.drive.prometheus import ask_prometheus
from verification.rollout.clock import Clock
from verification.rollout.heard import Heard, is_error, seen_of
from verification.rollout.writes import write
from verification.settings import Settings

PROBE = "probe"
"""The read of the settings' `arm.probe`, beside the catalog's readings."""
_SUBJECTS = 7
_MOST_LOG_BYTES = 50_000_000


_SHARE, _LEAST_S = 0.5, 60.0
"""Of the time between two looks, in which one asks. A look begins up to half of that time late, so with more of it, it
would not be over when the next is due. Where looks follow each other closely, a minute: what hangs needs that."""


@dataclass(frozen=True, slots=True)
class Due:
    """The look that is due: its stage, its number there, and when it was due."""

    percent: int
    slot: int
    at: datetime


def take_look(
    settings: Settings, catalog: Catalog, due: Due, clock: Clock, log_from: int | None, step_s: float = 0.0
) -> Look:
    """Look once; never raises for what the backend does.

    `log_from` is the log's byte from which on lines count; None: from its present end, as at the first look. `step_s`
    is how far the clock was set since the look before.
    """
    began, elapsed, uptime, heard = clock.now(), clock.elapsed(), clock.uptime(), Heard()
    url, longest = settings.target.urls[0], longest_s(settings, due.percent)
    with connect(settings, url, Redactor(os.urandom(32)), longest_s=longest, hear=heard.add) as caller:
        told = _told(caller, settings)
        seen, failure = _probe(caller, settings, catalog, due)
        natural = _natural(caller, settings)
        before, crossed, undoing = heard.served.copy(), _Crossed(), Heard()
        if not catalog.separate_state:
            _cross(caller, settings, catalog, crossed)
        written = write(caller, settings, catalog, clock, percent=due.percent, slot=due.slot, hear=undoing.add)
        beside = _beside(heard.served - before + undoing.served, written)
    lines, log_to = _fallbacks(settings.target.log_file, settings.target.words_of_a_fallback, log_from)
    asked = settings.release.prometheus
    return Look(
        due.percent,
        due.slot,
        due.at,
        began,
        round(clock.elapsed() - elapsed, 3),
        seen,
        natural[Implementation.LEGACY],
        natural[Implementation.DOMAIN],
        natural[None],
        differing=tuple(crossed.differing),
        uncompared=tuple(crossed.uncompared),
        compared_legacy=beside[Implementation.LEGACY],
        compared_domain=beside[Implementation.DOMAIN],
        fallback_lines=lines,
        log_bytes=log_to,
        prometheus=() if asked is None else tuple(ask_prometheus(asked).items()),
        clock_step_s=step_s,
        boot_id=None if uptime is None else uptime.boot_id,
        boot_s=None if uptime is None else round(uptime.seconds, 3),
        failure="; ".join(filter(None, (failure, heard.told))) or None,
        unasked=heard.unasked.total(),
        written=written,
        **told,
    )


def longest_s(settings: Settings, percent: int) -> float:
    """How long a look at this stage may send requests, in seconds; the last one may still take its own time limit."""
    stage = settings.release.stage(percent)
    return max(_LEAST_S, 0.0 if stage is None else _SHARE * stage.every.total_seconds())


def _beside(served: Counter[Implementation | None], written: Written) -> Counter[Implementation | None]:
    """Who served what only compared, or stood around the writes; of the writes themselves it is told apart."""
    legacy, domain = (sum(getattr(one, name) for one in written.seen) for name in ("legacy", "domain"))
    return served - Counter({Implementation.LEGACY: legacy, Implementation.DOMAIN: domain})


def requests_of_a_look(settings: Settings, catalog: Catalog) -> dict[str, Request]:
    """The reads of a look by name."""
    reads = {name: fill(spec.request, {}) for name, spec in catalog.readings.items()}
    return {**reads, PROBE: _asked(settings, 0)}


def _asked(settings: Settings, subject: int) -> Request:
    return Request("GET", settings.arm.probe.replace("{subject}", str(subject)))


def _probe(caller: Caller, settings: Settings, catalog: Catalog, due: Due) -> tuple[tuple[Seen, ...], str | None]:
    """Every read a few times on each arm, in an order that is drawn: nothing that drifts meets one arm alone, and the
    end of the time does not either."""
    requests = requests_of_a_look(settings, catalog)
    order = [(read, arm) for read in requests for arm in Arm for _ in range(settings.release.look.requests)]
    random.Random(f"{settings.run.seed}/{due.percent}/{due.slot}").shuffle(order)  # noqa: S311  # drawn, not secret
    exchanges: dict[tuple[str, Arm], list[Exchange]] = {}
    for read, arm in order:
        exchanges.setdefault((read, arm), []).append(caller.call(requests[read], arm))
    seen = tuple(seen_of(read, arm, exchanges[read, arm], settings) for read in requests for arm in Arm)
    asked = (one for of in exchanges.values() for one in of if was_asked(one))
    silent = next((one.failure for one in asked if one.answer is None), None)
    return seen, silent


def _natural(caller: Caller, settings: Settings) -> Counter[Implementation | None]:
    """Who serves requests that nobody put on an arm; nothing where no flag routes them."""
    if not settings.routing.flag:
        return Counter()
    calls = [
        caller.call(_asked(settings, number % _SUBJECTS), Arm.CONTROL, force=False)
        for number in range(settings.release.look.natural)
    ]
    return Counter(implementation(one.served_by) for one in calls if was_asked(one))


@dataclass(slots=True)
class _Crossed:
    """What came of reading the same state through both arms."""

    differing: list[str] = field(default_factory=list)
    uncompared: list[str] = field(default_factory=list)
    """Reads that met an error, or of which control disagreed with itself: nothing is known of them."""


def _cross(caller: Caller, settings: Settings, catalog: Catalog, crossed: _Crossed) -> None:
    """Every read through control, candidate and control again; a difference must show twice, for the state may have
    changed in between."""
    for name in catalog.readings:
        found = _differs(caller, settings, catalog, name)
        if found:
            found = _differs(caller, settings, catalog, name)
        if found is None:
            crossed.uncompared.append(name)
        elif found:
            crossed.differing.append(name)


def _differs(caller: Caller, settings: Settings, catalog: Catalog, name: str) -> bool | None:
    """Whether candidate answers otherwise than control did before and after; None where that cannot be said."""
    spec = catalog.readings[name]
    request = fill(spec.request, {})
    exchanges = [caller.call(request, arm) for arm in (Arm.CONTROL, Arm.CANDIDATE, Arm.CONTROL)]
    if any(is_error(one, settings) for one in exchanges):
        return None  # the probe meets such errors, too, and counts them
    before, by_candidate, after = (document(spec, one, Names(())) for one in exchanges)
    if compare_values(Shape(), name, before, after).differences:
        return None
    return bool(compare_values(Shape(), name, before, by_candidate).differences)


def _told(caller: Caller, settings: Settings) -> dict[str, Json]:
    """What the backend's monitoring says, read before the look's own requests; what is no such thing is None."""
    if not settings.has_monitoring:
        return {}
    health, metrics = (
        json_body(caller.call(Request("GET", path), Arm.CONTROL, force=False))
        for path in (settings.monitoring.health, settings.monitoring.metrics)
    )
    status, consistent = member(health, "status"), member(metrics, "data_consistency.consistent")
    recent = member(metrics, "response_time.p95_ms")
    return {
        "health": status if isinstance(status, str) else None,
        "counters": counters_of(metrics),
        "consistent": consistent if isinstance(consistent, bool) else None,
        "recent_p95_ms": float(recent) if _is_number(recent) else None,
    }


def counters_of(metrics: Json) -> Counters | None:
    """The counters in the metrics; None where they do not tell how many requests there were."""
    requests, by_status = member(metrics, "requests.total"), member(metrics, "requests.by_status")
    if not isinstance(requests, int) or isinstance(requests, bool) or requests < 0:
        return None
    failed = 0
    for status, count in by_status.items() if isinstance(by_status, Mapping) else ():
        if str(status).isdigit() and int(status) >= 500 and isinstance(count, int):
            failed += count
    domain, legacy = usage_in(metrics)
    return Counters(requests, failed, legacy, domain)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fallbacks(log: Path | None, words: str, begin: int | None) -> tuple[int | None, int | None]:
    """Lines written since that speak of a fallback, and where the log ends now; None where it cannot be read."""
    if log is None:
        return None, None
    try:
        end = log.stat().st_size
        if begin is None:
            return 0, end
        with log.open("rb") as file:
            # A log that is shorter than before was begun anew.
            begin = begin if begin <= end else 0
            file.seek(begin)
            raw = file.read(_MOST_LOG_BYTES)
        # What is beyond is read at the next look, and so is a line that is not whole yet.
        raw = raw[: raw.rfind(b"\n") + 1] or (raw if len(raw) == _MOST_LOG_BYTES else b"")
        return sum(words.encode() in line for line in raw.split(b"\n")), begin + len(raw)
    except OSError:
        return None, begin
