"""One look at a backend within a stage: reads only, on both arms in a drawn order, and what it tells of itself."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from verification.catalog.requests import fill
from verification.core.arms import implementation
from verification.core.cases import Catalog, Shape
from verification.core.compare import compare_values
from verification.core.documents import Names
from verification.core.histogram import TOP_BIN, bin_of
from verification.core.model import Arm, Exchange, Implementation, Json, Request
from verification.core.redact import Redactor
from verification.core.release.events import Counters, Look, Seen
from verification.core.state import document
from verification.drive.caller import Caller, json_body
from verification.drive.connect import connect
from verification.drive.prometheus import ask_prometheus
from verification.drive.target import FALLBACK_WORDS
from verification.rollout.clock import Clock
from verification.settings import Settings

PROBE = "probe"
"""The read of the settings' `arm.probe`, beside the catalog's readings."""
_SUBJECTS = 7
_MOST_LOG_BYTES = 50_000_000


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
    began, elapsed = clock.now(), clock.elapsed()
    with connect(settings, settings.target.urls[0], Redactor(os.urandom(32))) as caller:
        told = _told(caller, settings)
        seen, failure = _probe(caller, settings, catalog, due)
        natural = _natural(caller, settings)
        compared = Counter[Implementation | None]()
        differing = () if catalog.separate_state or failure else _differing(caller, settings, catalog, compared)
    lines, log_to = _fallbacks(settings.target.log_file, log_from)
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
        differing=differing,
        compared_legacy=compared[Implementation.LEGACY],
        compared_domain=compared[Implementation.DOMAIN],
        fallback_lines=lines,
        log_bytes=log_to,
        prometheus=() if asked is None else tuple(ask_prometheus(asked).items()),
        clock_step_s=step_s,
        failure=failure,
        **told,
    )


def requests_of_a_look(settings: Settings, catalog: Catalog) -> dict[str, Request]:
    """The reads of a look by name."""
    reads = {name: fill(spec.request, {}) for name, spec in catalog.readings.items()}
    return {**reads, PROBE: _asked(settings, 0)}


def _asked(settings: Settings, subject: int) -> Request:
    return Request("GET", settings.arm.probe.replace("{subject}", str(subject)))


def _probe(caller: Caller, settings: Settings, catalog: Catalog, due: Due) -> tuple[tuple[Seen, ...], str | None]:
    """Every read a few times on each arm, in an order that is drawn: nothing that drifts meets one arm alone."""
    requests = requests_of_a_look(settings, catalog)
    order = [(read, arm) for read in requests for arm in Arm for _ in range(settings.release.look.requests)]
    random.Random(f"{settings.run.seed}/{due.percent}/{due.slot}").shuffle(order)  # noqa: S311  # drawn, not secret
    exchanges: dict[tuple[str, Arm], list[Exchange]] = {}
    for read, arm in order:
        exchanges.setdefault((read, arm), []).append(caller.call(requests[read], arm))
    seen = tuple(_seen(read, arm, exchanges[read, arm], settings) for read in requests for arm in Arm)
    silent = next((one.failure for of in exchanges.values() for one in of if one.answer is None), None)
    return seen, silent


def _seen(read: str, arm: Arm, exchanges: list[Exchange], settings: Settings) -> Seen:
    times: Counter[int] = Counter()
    errors = 0
    for one in exchanges:
        failed = one.answer is None or one.answer.status >= settings.rates.error_status_from
        errors += failed
        times[TOP_BIN if failed else bin_of(one.elapsed_ms)] += 1
    answered = [one for one in exchanges if one.answer is not None]
    served = Counter(implementation(one.served_by) for one in answered)
    # An error of the backend's need not say who made it.
    unnamed = sum(
        implementation(one.served_by) is None and one.answer is not None
        and one.answer.status < settings.rates.error_status_from
        for one in answered
    )  # fmt: skip
    return Seen(
        read,
        arm,
        len(exchanges),
        errors,
        served[Implementation.LEGACY],
        served[Implementation.DOMAIN],
        unnamed,
        dict(times),
    )


def _natural(caller: Caller, settings: Settings) -> Counter[Implementation | None]:
    """Who serves requests that nobody put on an arm; nothing where no flag routes them."""
    if not settings.routing.flag:
        return Counter()
    calls = [
        caller.call(_asked(settings, number % _SUBJECTS), Arm.CONTROL, force=False)
        for number in range(settings.release.look.natural)
    ]
    return Counter(implementation(one.served_by) for one in calls)


def _differing(
    caller: Caller, settings: Settings, catalog: Catalog, compared: Counter[Implementation | None]
) -> tuple[str, ...]:
    """Reads of one state that the arms answer differently, twice: a change in between must not be taken for that."""
    return tuple(
        name for name in catalog.readings if all(_differs(caller, settings, catalog, name, compared) for _ in range(2))
    )


def _differs(
    caller: Caller, settings: Settings, catalog: Catalog, name: str, compared: Counter[Implementation | None]
) -> bool:
    spec = catalog.readings[name]
    request = fill(spec.request, {})
    exchanges = [caller.call(request, arm) for arm in (Arm.CONTROL, Arm.CANDIDATE, Arm.CONTROL)]
    compared.update(implementation(one.served_by) for one in exchanges)
    limit = settings.rates.error_status_from
    if any(one.answer is None or one.answer.status >= limit for one in exchanges):
        return False  # an error is none of the data; the probe meets such errors, too
    before, by_candidate, after = (document(spec, one, Names(())) for one in exchanges)
    return not compare_values(Shape(), name, before, after).differences and bool(
        compare_values(Shape(), name, before, by_candidate).differences
    )


def _told(caller: Caller, settings: Settings) -> dict[str, Json]:
    """What the backend's monitoring says, read before the look's own requests; what is no such thing is None."""
    if not settings.has_monitoring:
        return {}
    health, metrics = (
        json_body(caller.call(Request("GET", path), Arm.CONTROL, force=False))
        for path in (settings.monitoring.health, settings.monitoring.metrics)
    )
    status, consistent = _at(health, "status"), _at(metrics, "data_consistency.consistent")
    recent = _at(metrics, "response_time.p95_ms")
    return {
        "health": status if isinstance(status, str) else None,
        "counters": counters_of(metrics),
        "consistent": consistent if isinstance(consistent, bool) else None,
        "recent_p95_ms": float(recent) if _is_number(recent) else None,
    }


def counters_of(metrics: Json) -> Counters | None:
    """The counters in the metrics; None where they do not tell how many requests there were."""
    requests, by_status = _at(metrics, "requests.total"), _at(metrics, "requests.by_status")
    if not isinstance(requests, int) or isinstance(requests, bool) or requests < 0:
        return None
    failed = 0
    for status, count in by_status.items() if isinstance(by_status, Mapping) else ():
        if str(status).isdigit() and int(status) >= 500 and isinstance(count, int):
            failed += count
    legacy, domain = (_at(metrics, f"domain_service.{name}") for name in ("old_count", "usage_count"))
    return Counters(
        requests,
        failed,
        legacy if isinstance(legacy, int) else None,
        domain if isinstance(domain, int) else None,
    )


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(value: Json, path: str) -> Json:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _fallbacks(log: Path | None, begin: int | None) -> tuple[int | None, int | None]:
    """Lines written since that speak of a fallback, and where the log ends now; None where it cannot be read."""
    if log is None:
        return None, None
    try:
        end = log.stat().st_size
        if begin is None:
            return 0, end
        with log.open("rb") as file:
            # A log that is shorter than before was begun anew.
            file.seek(begin if begin <= end else 0)
            text = file.read(_MOST_LOG_BYTES).decode(errors="replace")
        return sum(FALLBACK_WORDS in line for line in text.splitlines()), end
    except OSError:
        return None, begin
