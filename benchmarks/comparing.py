"""What comparing two answers costs, as a multiple of parsing both bodies with orjson. Prints a table, with plain
DeepDiff beside it where that ends in reasonable time.

    python -m benchmarks.comparing [--rounds 5] [--seed 1] [--json FILE]

Each round measures the parsing and the comparing one after the other in the same process; a figure is the median of the
rounds' ratios, so that a slow machine, or a slow moment, slows both. Figures to reach: an equal pair at most 3, one
field in 5 MB at most 20, 1,000 keyed rows shuffled with 30 % changed at most 50 and linear in the rows.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from deepdiff import DeepDiff

from verification.core.cases import KeyedList, Shape
from verification.core.compare import compare_answers
from verification.core.documents import Names
from verification.core.model import Answer

OLD_ID, NEW_ID = "gate-3f2a-000001", "gate-3f2a-000002"
NAMES = Names((("camera", OLD_ID),)), Names((("camera", NEW_ID),))
PLAIN, KEYED = Shape(), Shape(keyed=(KeyedList("rows", "id"),))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two bodies, how they are compared, and what DeepDiff is asked (None: it would take minutes)."""

    name: str
    limit: float | None
    control: str
    candidate: str
    shape: Shape = PLAIN
    deepdiff: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; ratios are multiples of parsing both bodies with orjson."""

    name: str
    kilobytes: float
    differences: int
    ratio: float
    limit: float | None
    deepdiff_ratio: float | None


def rows(count: int, draw: random.Random, note: str) -> list[dict[str, Any]]:
    """Rows like a camera list's."""
    return [
        {
            "id": 100_000 + number,
            "name": f"Camera {number} {note}",
            "source": f"rtsp://127.0.0.1/{number}",
            "active": number % 3 > 0,
            "fps": round(draw.uniform(10, 30), 2),
            "env": {"MODEL": "small", "THREADS": "2"},
            "zones": [1, 2, number],
        }
        for number in range(count)
    ]


def compact(value: Any) -> str:
    """JSON as a backend sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def pairs(seed: int) -> list[Pair]:
    """The pairs of the table."""
    draw = random.Random(seed)
    named = compact({"rows": rows(450, draw, OLD_ID)})
    unnamed = compact({"rows": rows(450, draw, "hall")})
    large = rows(32_000, draw, "hall")
    before = compact({"rows": large})
    large[len(large) // 2]["fps"] = 99.5
    found = [
        Pair("equal, with the twins' ids", 3, named, named.replace(OLD_ID, NEW_ID), deepdiff={}),
        Pair("equal, without ids", 3, unnamed, unnamed, deepdiff={}),
        Pair("5 MB, one field differs", 20, before, compact({"rows": large})),
    ]
    for count in (250, 1_000, 2_000, 4_000):
        old = rows(count, draw, "hall")
        new = json.loads(compact(old))
        for number in draw.sample(range(count), count * 3 // 10):
            new[number]["fps"] += 1
        draw.shuffle(new)
        # DeepDiff's matching without order grows with the square of the rows: the smallest pair shows it.
        asked = {"ignore_order": True} if count == 250 else None
        name, limit = f"{count} keyed rows shuffled, 30 % changed", 50 if count == 1_000 else None
        found.append(Pair(name, limit, compact({"rows": old}), compact({"rows": new}), KEYED, asked))
    return found


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(pair: Pair, rounds: int) -> Figure:
    """The median ratios of one pair."""
    headers = (("content-type", "application/json"),)
    control, candidate = Answer(200, headers, pair.control), Answer(200, headers, pair.candidate)
    texts = pair.control.encode(), pair.candidate.encode()
    ours, theirs = [], []
    for _ in range(rounds):
        parsing = seconds(lambda: [orjson.loads(text) for text in texts])
        ours.append(seconds(lambda: compare_answers(pair.shape, control, candidate, *NAMES)) / parsing)
    if pair.deepdiff is not None:
        asked, values = pair.deepdiff, [orjson.loads(text) for text in texts]
        parsing = seconds(lambda: [orjson.loads(text) for text in texts])
        theirs.append(seconds(lambda: DeepDiff(*values, **asked)) / parsing)
    compared = compare_answers(pair.shape, control, candidate, *NAMES)
    return Figure(
        pair.name,
        round(len(texts[0]) / 1000, 1),
        len(compared.differences),
        round(statistics.median(ours), 2),
        pair.limit,
        round(theirs[0], 1) if theirs else None,
    )


def main() -> int:
    """Print the table; 1 where a figure is not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = [measure(pair, options.rounds) for pair in pairs(options.seed)]
    print(f"{'pair':<44}{'KB':>8}{'differences':>13}{'ratio':>8}{'at most':>9}{'DeepDiff':>10}")
    for figure in figures:
        limit = "" if figure.limit is None else f"{figure.limit:g}"
        other = "" if figure.deepdiff_ratio is None else f"{figure.deepdiff_ratio:g}"
        line = f"{figure.name:<44}{figure.kilobytes:>8}{figure.differences:>13}{figure.ratio:>8}{limit:>9}{other:>10}"
        print(line)
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2), encoding="utf-8")
    return int(any(figure.limit is not None and figure.ratio > figure.limit for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
