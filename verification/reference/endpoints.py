"""Which of the 13 endpoints a request is for."""

from __future__ import annotations

import re

from verification.reference.asgi import Scope
from verification.reference.devices import MEDIAN_MS
from verification.reference.routing import PREFIX

ENDPOINTS = tuple(MEDIAN_MS)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(PREFIX + path)))


_PATTERNS = [
    (method, _pattern(path), f"{method} {path}") for method, path in (endpoint.split(" ") for endpoint in ENDPOINTS)
]


def endpoint_of(scope: Scope) -> str | None:
    """The endpoint as the interface names it, or None for everything outside the 13."""
    return next(
        (
            endpoint
            for method, pattern, endpoint in _PATTERNS
            if method == scope["method"] and pattern.fullmatch(scope["path"])
        ),
        None,
    )
