"""Simulated stages whose true P95 ratio is known: what the calibration holds the latency verdict against."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = NDArray[np.float64]
Coins = NDArray[np.bool_]

USUAL = ("lognormal", "slow mode", "Pareto", "AR(1)", "burst")
STRESS = ("pods", "shape")
BEFORE_AFTER = "before/after"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One size of measurement."""

    name: str
    candidate_requests: int
    share: float
    blocks: int
    block_s: float


_BODY_SIGMA = 0.5
_STALL_MS, _STALL_EVERY_MS = 500.0, 5_000.0
_SLOW_SHARE, _SLOW_FROM_MS, _SLOW_TO_MS = 0.02, 300.0, 800.0


def _body(rng: np.random.Generator, n: int, median_ms: float) -> Floats:
    return median_ms * np.exp(_BODY_SIGMA * rng.standard_normal(n))


def autoregressive(rng: np.random.Generator, seconds: int, memory: float, deviation: float) -> Floats:
    """A stationary AR(1) series, one value per second (or look)."""
    steps = rng.standard_normal(seconds) * deviation * math.sqrt(1 - memory**2)
    steps[0] = rng.standard_normal() * deviation
    series = np.empty(seconds)
    level = 0.0
    for second, step in enumerate(steps.tolist()):
        level = memory * level + step
        series[second] = level
    return series


def _load_level(rng: np.random.Generator, seconds: int) -> Floats:
    """Log level of a busy host: ten seconds of memory, a slow wave and a trend."""
    clock = np.arange(seconds)
    wave = 0.2 * np.sin(2 * math.pi * (clock / 600 + rng.random()))
    return autoregressive(rng, seconds, 0.9, 0.25) + wave + rng.uniform(-0.3, 0.3) * clock / seconds


def _with_slow_mode(rng: np.random.Generator, n: int, share: float) -> Floats:
    slow = rng.random(n) < share
    return _body(rng, n, 50.0) + slow * rng.uniform(_SLOW_FROM_MS, _SLOW_TO_MS, n)


def _stalled(times_ms: Floats, starts_ms: Floats) -> Floats:
    """Add to each request the part of a 500 ms stall, every 5 s, that falls into it."""
    phase = starts_ms % _STALL_EVERY_MS
    waits = np.where(phase < _STALL_MS, _STALL_MS - phase, 0.0)
    return times_ms + waits + np.where((waits == 0) & (phase + times_ms > _STALL_EVERY_MS), _STALL_MS, 0.0)


def _lognormal(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    return _body(rng, len(at_s), 50.0) * np.where(candidate, ratio, 1.0)


def _slow_mode(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    return _with_slow_mode(rng, len(at_s), _SLOW_SHARE) * np.where(candidate, ratio, 1.0)


def _pareto(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    return (20 + 40 * rng.pareto(1.8, len(at_s))) * np.where(candidate, ratio, 1.0)


def _drifting(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    second = at_s.astype(np.int64)
    level = _load_level(rng, int(second.max()) + 1)
    return _lognormal(rng, at_s, candidate, ratio) * np.exp(level[second])


def _bursting(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    times = _body(rng, len(at_s), 40.0) * np.where(candidate, burst_scale(ratio), 1.0)
    return _stalled(times, at_s * 1000 + rng.uniform(0, _STALL_EVERY_MS))


def _pods(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    """Each arm has noise of its own, as if served by other machines."""
    second = at_s.astype(np.int64)
    own = [autoregressive(rng, int(second.max()) + 1, 0.7, 0.12) for _ in range(2)]
    return _drifting(rng, at_s, candidate, ratio) * np.exp(np.where(candidate, own[1][second], own[0][second]))


def _reshaped(rng: np.random.Generator, at_s: Floats, candidate: Coins, ratio: float) -> Floats:
    """The candidate's P95 moves because its slow mode grows; its body stays."""
    mine = _with_slow_mode(rng, len(at_s), slow_share(ratio))
    return np.where(candidate, mine, _with_slow_mode(rng, len(at_s), _SLOW_SHARE))


WORLDS: dict[str, Callable[[np.random.Generator, Floats, Coins, float], Floats]] = {
    "lognormal": _lognormal,
    "slow mode": _slow_mode,
    "Pareto": _pareto,
    "AR(1)": _drifting,
    "burst": _bursting,
    "pods": _pods,
    "shape": _reshaped,
    BEFORE_AFTER: _drifting,
}


@cache
def burst_scale(ratio: float) -> float:
    """How much slower the body must be so that the P95 with stalls grows by `ratio`."""
    phases = (np.arange(4_000) + 0.5) / 4_000 * _STALL_EVERY_MS

    def share_below(limit_ms: float, scale: float) -> float:
        in_stall = phases < _STALL_MS
        waited = limit_ms - np.where(in_stall, _STALL_MS - phases, 0.0)
        until_stall = np.where(in_stall, np.inf, _STALL_EVERY_MS - phases)
        # Without reaching the next stall, or after having sat through it.
        through = np.maximum(np.minimum(waited, until_stall), np.where(in_stall, 0.0, limit_ms - _STALL_MS))
        log = np.log(np.maximum(through, 1e-9) / (40.0 * scale)) / _BODY_SIGMA
        return float(np.mean(ndtr(log)))

    def p95(scale: float) -> float:
        return float(brentq(lambda limit: share_below(limit, scale) - 0.95, 1.0, 50_000.0))

    base = p95(1.0)
    return float(brentq(lambda scale: p95(scale) - ratio * base, 0.5, 40.0)) if ratio != 1 else 1.0


@cache
def slow_share(ratio: float) -> float:
    """The share of slow requests that makes the P95 grow by `ratio`."""
    extra = _SLOW_FROM_MS + (np.arange(1_000) + 0.5) / 1_000 * (_SLOW_TO_MS - _SLOW_FROM_MS)

    def share_below(limit_ms: float, slow: float) -> float:
        fast = ndtr(math.log(limit_ms / 50.0) / _BODY_SIGMA)
        held = np.mean(ndtr(np.log(np.maximum(limit_ms - extra, 1e-9) / 50.0) / _BODY_SIGMA))
        return float((1 - slow) * fast + slow * held)

    base = float(brentq(lambda limit: share_below(limit, _SLOW_SHARE) - 0.95, 10.0, 1_000.0))
    return float(brentq(lambda slow: share_below(ratio * base, slow) - 0.95, 0.0, 0.2))


def simulate(
    rng: np.random.Generator, configuration: Configuration, scenario: str, ratio: float
) -> tuple[list[Floats], list[Floats]]:
    """One stage: the raw times of control and candidate, block by block."""
    seconds = configuration.blocks * configuration.block_s
    requests = round(configuration.candidate_requests / configuration.share)
    at = rng.random(requests) * seconds
    candidate = rng.random(requests) < configuration.share
    blocks = configuration.blocks
    if scenario == BEFORE_AFTER:
        at += candidate * seconds
        blocks *= 2
    times = WORLDS[scenario](rng, at, candidate, ratio)
    block = np.minimum((at / configuration.block_s).astype(np.int64), blocks - 1)
    order = np.argsort(block, kind="stable")
    at_candidate = candidate[order]
    arms = [(times[order][mine], block[order][mine]) for mine in (~at_candidate, at_candidate)]
    control, other = (np.split(arm, np.searchsorted(of, np.arange(1, blocks))) for arm, of in arms)
    return control, other
