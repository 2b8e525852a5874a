"""A field that differs by itself: is a change on it seen, and is an honest one left alone? Our paired test beside the
rule of Diffy, on simulated fields. Prints two tables.

    python -m benchmarks.noise [--runs 2000] [--seed 1] [--json FILE]

Every request asks control twice and the candidate once. Control differs from itself with the noise rate; so does an
honest candidate, and one with a defect differs besides in a fifth of its answers (`sometimes`), or in all (`always`).
Three readers of the same counts:

- `test`: the exact paired test of `verification.core.paired` at 1 %, Holm over the fields of the endpoint;
- `gate`: what the gate says of such a field. That is the test, but where control was never seen to differ from itself
  there is no noise to test against, and a single difference counts;
- `Diffy`: its filter as published (github.com/twitter-archive/diffy): more raw differences than noise, relative
  difference |raw - noise| / (raw + noise) above 20 %, absolute difference |raw - noise| / requests above 0.03 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, write
from verification.core.paired import exact_p_value, holm
from verification.core.policy import DifferencePolicy

ALPHA = DifferencePolicy().alpha
NOISE_RATES = (0.0, 0.02, 2 / 3, 0.9)
REQUESTS = (20, 50, 100, 300)
DEFECTS = {"honest": 0.0, "sometimes": 0.2, "always": 1.0}
"""Candidate -> share of its answers in which the field differs because of it."""
FAMILY = 10
"""Noisy fields of one endpoint, for the chance that any of them raises a false alarm."""
_DIFFY_RELATIVE, _DIFFY_ABSOLUTE = 0.20, 0.0003
_ERRORS_WIDE = 4
"""A figure may miss its limit by so many standard errors of the simulation."""

_p_value = lru_cache(maxsize=None)(exact_p_value)


@dataclass(frozen=True, slots=True)
class Seen:
    """How often one field of one run differed: on the candidate, by itself, and in only one of the two."""

    requests: int
    candidate: int
    noise: int
    only_candidate: int
    only_noise: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Runs of one kind in which each reader said that the candidate differs."""

    noise_rate: float
    requests: int
    candidate: str
    fields: int
    runs: int
    test: int
    gate: int
    diffy: int


def simulate(rng: np.random.Generator, noise_rate: float, requests: int, defect: float, count: int) -> list[Seen]:
    """Independent fields; what the defect adds is independent of the noise."""
    differs = noise_rate + (1 - noise_rate) * defect
    shares = [differs * noise_rate, differs * (1 - noise_rate), (1 - differs) * noise_rate]
    drawn = rng.multinomial(requests, [*shares, max(0.0, 1 - sum(shares))], size=count)
    return [Seen(requests, int(b + c), int(b + n), int(c), int(n)) for b, c, n, _ in drawn]


def by_test(fields: Sequence[Seen]) -> bool:
    """True when the paired test finds any of these fields of one endpoint."""
    differing = [one for one in fields if one.candidate or one.noise]
    return any(p < ALPHA for p in holm([_p_value(one.only_candidate, one.only_noise) for one in differing]))


def by_gate(fields: Sequence[Seen]) -> bool:
    """True when the gate speaks against the release because of any of these fields."""
    return by_test(fields) or any(one.candidate and not one.noise for one in fields)


def by_diffy(fields: Sequence[Seen]) -> bool:
    """True when Diffy keeps any of these fields."""
    return any(
        one.candidate > one.noise
        and (one.candidate - one.noise) / (one.candidate + one.noise) > _DIFFY_RELATIVE
        and (one.candidate - one.noise) / one.requests > _DIFFY_ABSOLUTE
        for one in fields
    )


def run_cell(
    rng: np.random.Generator, noise_rate: float, requests: int, candidate: str, fields: int, runs: int
) -> Cell:
    """All runs of one kind, each read by all three."""
    seen = simulate(rng, noise_rate, requests, DEFECTS[candidate], runs * fields)
    endpoints = [seen[start : start + fields] for start in range(0, len(seen), fields)]
    found = (sum(map(reader, endpoints)) for reader in (by_test, by_gate, by_diffy))
    return Cell(noise_rate, requests, candidate, fields, runs, *found)


def run_cells(runs: int, seed: int) -> list[Cell]:
    """Every kind of field, and endpoints with several honest ones."""
    kinds = [(rate, requests, name, 1) for rate in NOISE_RATES for name in DEFECTS for requests in REQUESTS]
    kinds += [(rate, requests, "honest", FAMILY) for rate in NOISE_RATES[1:] for requests in REQUESTS]
    streams = np.random.SeedSequence(seed).spawn(len(kinds))
    return [run_cell(np.random.default_rng(own), *kind, runs) for own, kind in zip(streams, kinds, strict=True)]


def figures(cells: Sequence[Cell], runs: int) -> list[Figure]:
    """What is claimed of both rules, as the shares of runs that it stands on."""

    def shares(
        reader: str, noise: Sequence[float], candidate: str, fields: int = 1, most: int = REQUESTS[-1]
    ) -> list[float]:
        kind = candidate, fields
        wanted = [c for c in cells if c.noise_rate in noise and c.requests <= most and (c.candidate, c.fields) == kind]
        return [getattr(cell, reader) / runs for cell in wanted]

    def error(share: float) -> float:
        return _ERRORS_WIDE * float(np.sqrt(share * (1 - share) / runs))

    _, few, some, most = NOISE_RATES
    allowed = ALPHA + error(ALPHA)
    flaky = shares("diffy", [few], "honest", most=100)
    return [
        Figure("test: false alarms, worst honest field", max(shares("test", NOISE_RATES, "honest")), 0, allowed),
        Figure(f"test: any of {FAMILY} honest fields", max(shares("test", NOISE_RATES, "honest", FAMILY)), 0, allowed),
        Figure("gate: false alarms at 2 % noise, 300 requests", shares("gate", [few], "honest")[-1], 0, allowed),
        Figure("Diffy: false alarms at 2 % noise, 20 requests", flaky[0], 0.24 - error(0.24), 0.24 + error(0.24)),
        Figure("Diffy: the same at 50 and 100 requests", max(flaky), 0.33 - error(0.33), 0.33 + error(0.33)),
        Figure("test: sees always at noise 2/3, 300 requests", shares("test", [some], "always")[-1], 0.99, 1),
        Figure("Diffy: the same, at any number of requests", max(shares("diffy", [some], "always")), 0, 0.6),
        Figure("test: sees always at noise 0.9, 300 requests", shares("test", [most], "always")[-1], 0.99, 1),
        Figure("Diffy: the same, at any number of requests", max(shares("diffy", [most], "always")), 0, 0.01),
    ]


def render(cells: Sequence[Cell], table: Sequence[Figure]) -> str:
    """The cells, and what is claimed of them."""
    lines = [f"{'noise':>7}{'requests':>10}{'fields':>8}  {'candidate':11}{'test':>9}{'gate':>9}{'Diffy':>9}"]
    for cell in cells:
        found = "".join(f"{number / cell.runs:>9.2%}" for number in (cell.test, cell.gate, cell.diffy))
        lines.append(f"{cell.noise_rate:>7.3f}{cell.requests:>10}{cell.fields:>8}  {cell.candidate:11}{found}")
    lines.append("")
    lines += [f"{row.figure:48}{row.told}" for row in table]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.noise", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs per cell (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/noise.json"))
    options = parser.parse_args(arguments)
    began = time.monotonic()
    cells = run_cells(options.runs, options.seed)
    table = figures(cells, options.runs)
    print(render(cells, table))
    print(f"{options.runs} runs per cell, seed {options.seed}, {time.monotonic() - began:.0f} s")
    return write(options.json, table, cells, runs=options.runs, seed=options.seed, alpha=ALPHA)


if __name__ == "__main__":
    sys.exit(main())
