"""Lines of an access log (common or combined format) -> how often each endpoint was asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from verification.catalog.sketch import METHODS, Sketch, find

SMALLEST, WHOLE = 0.01, 100.0
"""Weights are shares in per cent; what was never asked keeps the smallest."""
_REQUEST = re.compile(r'"([A-Z]{3,20}) (\S{1,4000})(?: HTTP/[\d.]{1,4})?" (\d{3})\b', re.ASCII)
_MOST_KNOWN = 200_000
"""Distinct requests that are remembered; beyond them each is looked up anew."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a log says: requests of each endpoint, requests of none, and lines that are no request."""

    endpoints: Counter[str]
    elsewhere: int
    unreadable: int


def count(lines: Iterable[str], sketches: dict[str, Sketch]) -> Asked:
    """Count the requests of each endpoint, matched by method and route; queries do not count."""
    nearby: dict[tuple[str, int], dict[str, Sketch]] = {}
    for sketch in sketches.values():
        nearby.setdefault((sketch.method, sketch.path.count("/")), {})[sketch.id] = sketch
    known: dict[tuple[str, str], str | None] = {}
    asked: Counter[str] = Counter()
    elsewhere = unreadable = 0
    for text in lines:
        found = _REQUEST.search(text)
        if found is None:
            unreadable += bool(text.strip())
            continue
        method, path = found[1], _path(found[2])
        if (method, path) not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            fitting = find(nearby.get((method, path.count("/")), {}), method, path) if method in METHODS else None
            known[method, path] = fitting.id if fitting else None
        endpoint = known[method, path]
        if endpoint is None:
            elsewhere += 1
        else:
            asked[endpoint] += 1
    return Asked(asked, elsewhere, unreadable)


def weigh(asked: Asked, sketches: dict[str, Sketch]) -> None:
    """Give each endpoint its share of the requests in per cent, at least the smallest weight that counts."""
    total = sum(asked.endpoints.values())
    for name, sketch in sketches.items():
        share = WHOLE * asked.endpoints[name] / total if total else 0.0
        sketch.weight = max(SMALLEST, round(share, 2))


def _path(target: str) -> str:
    try:
        return urlsplit(target).path if "://" in target else target.partition("?")[0].partition("#")[0]
    except ValueError:
        return ""
