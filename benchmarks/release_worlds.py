"""Simulated stages of a release: hourly looks at two arms whose truth is known.

Each look brings a few requests of several reads on both arms within a minute or so, some requests on no arm, and the
backend's counters, which users move meanwhile. Times are log-normal; a load that drifts from hour to hour and a day's
pattern slow both arms alike. In the world "own noise" each arm drifts by itself as well, as if other machines served
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds import autoregressive
from verification.core.histogram import LOG_BIN, TOP_BIN, Histogram, edge_ms
from verification.core.model import Arm
from verification.core.release.events import Counters, Look, Seen
from verification.core.release.plan import PlannedStage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORLDS = ("shared drift", "own noise")
READS = {"GET /orders": 8.0, "GET /orders/{id}": 15.0, "GET /stock": 30.0, "GET /reports": 60.0}
"""Median time in ms of each read that a look asks."""
BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
_SIGMA = 0.3
_ERROR_RATE = 0.001
NATURAL = 40
"""Requests of a look on no arm, as the settings have it by default."""
USERS = 400
"""Requests of users from one look to the next."""
_TIMED_OUT_MS = 30_000.0
"""What an hour's own P95 takes an error for."""
_ARMS = (Arm.CONTROL, Arm.CANDIDATE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What the candidate does from a look on."""

    name: str
    slower: float = 1.0
    error_rate: float = _ERROR_RATE
    from_look: int = 0


HEALTHY = Fault("none")


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    """The looks, and beside them the raw numbers of each hour for a rule that judges each by itself."""

    looks: tuple[Look, ...]
    p95_ms: Floats
    """By look and arm (control, candidate), all reads together."""
    errors: Ints
    """By look and arm."""
    requests: int
    """Of each look and arm."""
    natural_domain: Ints
    """By look what the rewrite served of the `NATURAL` requests on no arm."""
    users_errors: Ints
    """By look how many of the `USERS` requests since the look before failed."""


def simulated_stage(
    rng: np.random.Generator, stage: PlannedStage, *, looks: int, requests: int, world: str, fault: Fault = HEALTHY
) -> SimulatedStage:
    """A stage of that many looks with so many requests on each arm, spread evenly over the reads."""
    times = _times_ms(rng, looks, requests, world)
    slow = np.arange(looks) >= fault.from_look
    times[slow, 1] *= fault.slower
    failing = np.full((looks, 2, 1), _ERROR_RATE)
    failing[slow, 1] = fault.error_rate
    failed = rng.random(times.shape) < failing
    times[failed] = np.inf
    errors = failed.sum(axis=2)
    natural, users = (rng.binomial(each, stage.percent / 100, looks) for each in (NATURAL, USERS))
    of_users = np.stack([USERS - users, users], axis=1)
    users_failed = rng.binomial(of_users, failing[:, :, 0])
    counters = _counters(requests, errors, natural, of_users, users_failed)
    seen = _seen(times)
    return SimulatedStage(
        tuple(_look(stage, slot, *one) for slot, one in enumerate(zip(seen, natural.tolist(), counters, strict=True))),
        np.quantile(np.minimum(times, _TIMED_OUT_MS), 0.95, axis=2),
        errors,
        requests,
        natural,
        users_failed.sum(axis=1),
    )


def _times_ms(rng: np.random.Generator, looks: int, requests: int, world: str) -> Floats:
    """By look, arm and request; the requests go through the reads in turn."""
    day = 0.15 * np.sin(2 * math.pi * (np.arange(looks) / 24 + rng.random()))
    level = (autoregressive(rng, looks, 0.9, 0.2) + day)[:, None].repeat(2, axis=1)
    if world == "own noise":
        level += np.stack([autoregressive(rng, looks, 0.7, 0.12) for _ in _ARMS], axis=1)
    medians = np.resize(np.array(list(READS.values())), requests)
    times: Floats = medians * np.exp(level[:, :, None] + _SIGMA * rng.standard_normal((looks, 2, requests)))
    return times


def _seen(times: Floats) -> list[tuple[Seen, ...]]:
    """By look what it saw of each read on each arm."""
    scaled = (np.log(times) - math.log(edge_ms(0))) / LOG_BIN + 1e-9
    bins = np.minimum(np.floor(scaled), TOP_BIN).astype(np.int64)
    return [
        tuple(
            _of(read, arm, of[first :: len(READS)])
            for first, read in enumerate(READS)
            for arm, of in zip(_ARMS, arms, strict=True)
        )
        for arms in bins
    ]


def _of(read: str, arm: Arm, bins: Ints) -> Seen:
    numbers, counts = np.unique(bins, return_counts=True)
    times = Histogram(numbers.astype(np.int16), counts.astype(np.int64))
    errors = times.get(TOP_BIN, 0)
    served = len(bins) - errors
    legacy, domain = (served, 0) if arm is Arm.CONTROL else (0, served)
    return Seen(read, arm, len(bins), errors, legacy, domain, 0, times)


def _counters(requests: int, errors: Ints, natural: Ints, users: Ints, users_failed: Ints) -> list[Counters]:
    """As each look reads them before it sends anything of its own; an error is counted on no implementation."""
    all_of = np.full(len(natural), 1)
    by_users = np.stack([USERS * all_of, users_failed.sum(axis=1), *(users - users_failed).transpose()])
    ours = np.stack([NATURAL - natural, natural]) + (requests - errors).transpose()
    sent = np.stack([(2 * requests + NATURAL) * all_of, errors.sum(axis=1), *ours]).cumsum(axis=1)
    before = np.concatenate([np.zeros((4, 1), np.int64), sent[:, :-1]], axis=1)
    return [Counters(*numbers) for numbers in (by_users.cumsum(axis=1) + before).transpose().tolist()]


def _look(stage: PlannedStage, slot: int, seen: tuple[Seen, ...], natural: int, counters: Counters) -> Look:
    at = BEGAN + slot * timedelta(hours=stage.every_hours)
    return Look(
        stage.percent,
        slot,
        at,
        at,
        30.0,
        seen,
        natural_legacy=NATURAL - natural,
        natural_domain=natural,
        health="healthy",
        counters=counters,
        consistent=True,
    )
