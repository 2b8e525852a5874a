"""Options that this load adds to Locust's, and what of them is allowed."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from loadtests.timetable import block_kinds
from verification.catalog.leaving import without_destructive
from verification.catalog.load import load_catalog
from verification.core.arms import Routing
from verification.core.cases import Catalog, Endpoint
from verification.core.errors import PermissionNeeded, UsageError
from verification.core.redact import redact_text
from verification.core.witness import DEFAULT_WITNESS, Witness, WitnessSettings
from verification.settings import LimitSettings, handed_settings, is_loopback

DEFAULT_RATE_PER_S = 100.0
DEFAULT_BLOCK_S = 1.5
DEFAULT_BLOCKS = 40
DEFAULT_DRAIN_S = 10.0
DEFAULT_WARM_UP_S = 2.0
DEFAULT_MAX_RULES = 100
DEFAULT_MAX_TWINS = 60
MAX_IN_FLIGHT = 800
"""For each worker; a request due beyond it is dropped and counted. Below 1,024, which is where select() ends."""


@dataclass(frozen=True, slots=True)
class StageOptions:
    """The options after all checks."""

    host: str
    stage_percent: int
    seed: int
    rate_per_s: float
    block_s: float
    blocks: int
    warm_up_s: float
    drain_s: float
    max_body_bytes: int
    endpoints: tuple[str, ...]
    max_rules: int | None
    """None: unlimited, the target is thrown away afterwards."""
    capped: tuple[str, ...]
    """The endpoints that this limits."""
    error_status_from: int
    """The lowest status that counts as an error."""
    max_twins: int
    max_in_flight: int | None
    """Over all workers; None: no cap of the target's."""
    server_time_header: str
    witness: Witness
    run_dir: Path | None
    evidence_name: str
    ramp_rates: tuple[float, ...]
    """One rate for each block, all on control: a ramp to find the knee; empty: a stage."""
    whole: bool
    """Keep the timetable to its end, even when enough is known before."""
    raw_samples: Path | None
    routing: Routing
    catalog_path: Path | None
    separate_state: bool
    """Each side keeps a state of its own, so that twins are made on both."""


def add_to(parser: Any) -> None:
    """Add the options to Locust's parser; master and web UI listen on 127.0.0.1 unless told otherwise."""
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    group = parser.add_argument_group("release gate", "One stage of a release, measured with both arms side by side.")
    add = group.add_argument
    add("--stage", type=_percent, metavar="PERCENT", help="rollout percent that the target is at (required)")
    add("--rate", type=_positive, default=DEFAULT_RATE_PER_S, help="requests per second, all workers together")
    add("--block-seconds", type=_positive, default=DEFAULT_BLOCK_S, help="length of a time block")
    add("--blocks", type=int, default=DEFAULT_BLOCKS, help="number of time blocks of all kinds together")
    add("--load-seed", type=_seed, default=1, help="seed of the order of blocks, the arrivals and what they ask")
    add(
        "--warm-up-seconds",
        type=_not_negative,
        default=DEFAULT_WARM_UP_S,
        help="sent before the first block, not recorded",
    )
    add(
        "--drain-seconds",
        type=_positive,
        default=DEFAULT_DRAIN_S,
        help="longest wait for an answer; then it is a timeout",
    )
    add("--endpoints", default="", metavar="ID,ID", help="only these endpoints of the catalog, separated by commas")
    add(
        "--run-dir",
        default="",
        help="folder of the run; evidence goes to its evidence/ (default: a new one in reports/)",
    )
    add("--evidence-name", default="", help="name of the evidence file (default: load-PERCENT)")
    add("--max-rules", type=int, default=DEFAULT_MAX_RULES, help="most undeletable alert rules to leave (neutralised)")
    add(
        "--error-status-from",
        type=int,
        choices=range(400, 601),
        metavar="STATUS",
        help="the lowest status that counts as an error (default: rates.error_status_from of rollout.toml)",
    )
    add("--max-twins", type=int, default=DEFAULT_MAX_TWINS, help="most cameras of one pool to have at a time")
    add("--server-time-header", default="Server-Timing", help="header with the server's own time in ms")
    usual = DEFAULT_WITNESS
    add("--witness-header", default="", help=f"response header that names who served (default: {usual.header})")
    add("--witness-body", default="", metavar="PATH", help="dotted path in the JSON body that names who served")
    add("--witness-legacy", default=usual.legacy, help="text by which the witness names the old implementation")
    add("--witness-domain", default=usual.domain, help="text by which the witness names the rewrite")
    for flag, text in (
        ("--disposable-target", "the target is thrown away afterwards: no cap on what cannot be deleted"),
        ("--allow-writes", "allow writes to a host that is not this machine"),
        ("--allow-destructive", "ask a target that is not thrown away what the catalog marks as destructive, too"),
        ("--whole", "keep the timetable to its end, even when enough is known before"),
        ("--no-witness", "answers do not name who served; nothing is proven then"),
    ):
        add(flag, action="store_true", default=False, help=text)
    add("--ramp-rates", default="", metavar="R,R", help="instead of a stage: blocks at these rates, all on control")
    add("--raw-samples", default="", help=argparse.SUPPRESS)
    parser.parse_args = _checked(parser.parse_args, parser)


def own_catalog() -> Catalog:
    """The catalog of the settings that this process has."""
    settings = handed_settings()
    return load_catalog(settings.catalog.path, separate_state=settings.has_separate_state)


def endpoints_for(parsed: Any) -> tuple[Endpoint, ...]:
    """The endpoints that this target may be asked. PermissionNeeded where one was named that it may not."""
    catalog = own_catalog()
    if parsed.disposable_target or parsed.allow_destructive or handed_settings().run.allow_destructive:
        return catalog.endpoints
    allowed, omitted = without_destructive(catalog)
    refused = [part.strip() for part in parsed.endpoints.split(",") if f"endpoint:{part.strip()}" in omitted]
    if refused:
        raise PermissionNeeded(f"--endpoints: {refused[0]}: {omitted[f'endpoint:{refused[0]}']}.")
    return allowed.endpoints


def stage_options(parsed: Any, host: str | None, endpoints: tuple[Endpoint, ...]) -> StageOptions:
    """The checked options. UsageError names the option, what is valid, and what to do."""
    if parsed.stage is None:
        raise UsageError("--stage is missing: name the rollout percent that the target is at, for example --stage 25.")
    if not host:
        raise UsageError("--host is missing: name the target, for example --host http://127.0.0.1:8000.")
    wanted = tuple(part.strip() for part in parsed.endpoints.split(",") if part.strip())
    known = [endpoint.id for endpoint in endpoints]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"--endpoints: unknown endpoint {unknown[0]!r}; valid are: {', '.join(known)}.")
    chosen = tuple(endpoint for endpoint in endpoints if not wanted or endpoint.id in wanted)
    settings = handed_settings()
    writing = any(_writes(endpoint) for endpoint in chosen)
    for url in {host, *settings.target.urls}:
        _check_host(url, allow_writes=parsed.allow_writes, writing=writing)
    if not parsed.ramp_rates:
        block_kinds(parsed.blocks, parsed.load_seed, parsed.stage, natural=settings.routing.flag)
    if parsed.max_rules < 0 or parsed.max_twins < 1:
        raise UsageError("--max-rules must be 0 or more and --max-twins 1 or more.")
    limits = LimitSettings() if parsed.disposable_target else settings.limits
    rates = _rates(parsed.ramp_rates)
    highest = max(rates or (parsed.rate,))
    if limits.max_rate_per_s is not None and highest > limits.max_rate_per_s:
        raise UsageError(
            f"--rate {highest:g}: this target may be sent {limits.max_rate_per_s:g} requests per second at most "
            "(limits.max_rate_per_s in the settings). Nothing was sent. Lower the rate, or raise the cap."
        )
    return StageOptions(
        host=host,
        stage_percent=parsed.stage,
        seed=parsed.load_seed,
        rate_per_s=parsed.rate,
        block_s=parsed.block_seconds,
        blocks=parsed.blocks,
        warm_up_s=parsed.warm_up_seconds,
        drain_s=parsed.drain_seconds,
        max_body_bytes=settings.target.max_body_bytes,
        endpoints=tuple(endpoint.id for endpoint in chosen),
        max_rules=None if parsed.disposable_target else parsed.max_rules,
        capped=() if parsed.disposable_target else tuple(one.id for one in chosen if one.load.creates is not None),
        error_status_from=parsed.error_status_from or settings.rates.error_status_from,
        max_twins=parsed.max_twins,
        max_in_flight=limits.max_in_flight,
        server_time_header=parsed.server_time_header,
        witness=settings.first_witness if settings.first_witness.address else _witness(parsed),
        run_dir=Path(parsed.run_dir) if parsed.run_dir else None,
        evidence_name=parsed.evidence_name or f"load-{parsed.stage:03d}",
        ramp_rates=rates,
        whole=parsed.whole,
        raw_samples=Path(parsed.raw_samples) if parsed.raw_samples else None,
        routing=settings.routing,
        catalog_path=settings.catalog.path,
        separate_state=settings.has_separate_state,
    )


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(_positive(part) for part in text.split(",") if part.strip())
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--ramp-rates {text}: {error}; give requests per second, separated by commas.") from error


def _witness(parsed: Any) -> Witness:
    try:
        return WitnessSettings(
            header=parsed.witness_header or None,
            body=parsed.witness_body or None,
            none=parsed.no_witness,
            legacy=parsed.witness_legacy,
            domain=parsed.witness_domain,
        ).first
    except ValidationError as error:
        said = "; ".join(problem["msg"] for problem in error.errors())
        options = "--witness-header, --witness-body, --no-witness, --witness-legacy, --witness-domain"
        raise UsageError(f"{options}: {said}.") from error


def _writes(endpoint: Endpoint) -> bool:
    # A pool of twins is written to the target before the first request.
    return endpoint.writes or endpoint.load.pool is not None


def _check_host(host: str, *, allow_writes: bool, writing: bool) -> None:
    parts = urlsplit(host)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"--host {redact_text(repr(host))} is no URL of a target; write for example http://127.0.0.1:8000."
        )
    if writing and not allow_writes and not is_loopback(host):
        raise PermissionNeeded(
            f"{parts.hostname} is not this machine and the load writes (it creates cameras and alert rules, starts "
            "and stops cameras that it created). Nothing was sent. If that is wanted, add --allow-writes."
        )


def _checked(parse: Callable[..., Any], parser: Any) -> Callable[..., Any]:
    """Check what concerns several options while the parser can still refuse: before Locust forks or connects."""

    def parse_and_check(*args: Any, **keywords: Any) -> Any:
        parsed = parse(*args, **keywords)
        if parsed.headless and not parsed.worker:
            try:
                stage_options(parsed, parsed.host, endpoints_for(parsed))
            except UsageError as error:
                parser.error(str(error))
        return parsed

    return parse_and_check


def _percent(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no rollout percent; give a whole number from 0 to 100")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 on")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return number


def _positive(text: str) -> float:
    number = _number(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return number


def _not_negative(text: str) -> float:
    number = _number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return number
