"""What is known of a foreign service before a person has looked at it: endpoints with requests, guesses and doubts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from verification.catalog.placeholders import FILL_IN
from verification.catalog.references import fits_route
from verification.core.model import Json

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What the catalog can ask; HEAD, OPTIONS and TRACE are left out."""
NO_BODY = object()
"""In place of a body where none is sent; None is JSON's null."""
_ROUTE = re.compile(r"/(?!/)(?:[!-~]*)")
_FILL_IN = re.compile(rf"\{{{FILL_IN}[a-z0-9_]+\}}")
_IN_ADDRESS = "{}/:,-._~@"
"""Characters that an address may hold as they are; the braces are the placeholders'."""


@dataclass(slots=True)
class SketchCase:
    """One concrete request. `status` is what control is said to answer, None where nobody knows."""

    id: str
    title: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = NO_BODY
    raw_body: str | None = None
    content_type: str | None = None
    status: int | None = None

    def request(self) -> dict[str, Json]:
        """As the catalog writes it."""
        written: dict[str, Json] = {"path": self.path}
        if self.query:
            written["query"] = urlencode(self.query, safe=_IN_ADDRESS, quote_via=quote, errors="replace")
        if self.body is not NO_BODY:
            written["body"] = self.body
        elif self.raw_body is not None:
            written["raw_body"] = self.raw_body
        if self.content_type is not None:
            written["content_type"] = self.content_type
        return written


@dataclass(slots=True)
class Sketch:
    """One endpoint. `route` stands below `prefix`; `doubts` say why it cannot be asked as it stands."""

    method: str
    prefix: str
    route: str
    title: str = ""
    cases: list[SketchCase] = field(default_factory=list)
    masks: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Path -> what else the catalog says of the mask."""
    messages: list[str] = field(default_factory=list)
    """Paths of an error's free text."""
    fields: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Parameter or member of the body -> what the catalog says of it."""
    doubts: list[str] = field(default_factory=list)
    weight: float | None = None
    """Its share of the requests in per cent; None where no access log was read."""

    @property
    def id(self) -> str:
        """As the catalog names the endpoint."""
        return f"{self.method} {self.route}"

    @property
    def path(self) -> str:
        """The route with its prefix."""
        return self.prefix + self.route

    def add(self, case: SketchCase, most: int) -> bool:
        """Take the case unless it asks what another one asks already, or there are enough; its id becomes unique."""
        if len(self.cases) >= most or any(case.request() == known.request() for known in self.cases):
            return False
        taken = {known.id for known in self.cases}
        numbers = (f"{case.id}-{number}" for number in range(2, most + 2))
        case.id = next(name for name in (case.id, *numbers) if name not in taken)
        self.cases.append(case)
        return True


def find(sketches: dict[str, Sketch], method: str, path: str) -> Sketch | None:
    """The endpoint that a request belongs to: of those whose route fits, the one with the fewest parameters."""
    steps = path.count("/")
    near = (one for one in sketches.values() if one.method == method and one.path.count("/") == steps)
    fitting = (one for one in near if fits_route(one.path, path))
    return min(fitting, key=lambda one: one.path.count("{"), default=None)


def is_route(route: str) -> bool:
    """True for what the catalog takes for a route: printable ASCII that begins with one slash, braces around names."""
    return _ROUTE.fullmatch(route) is not None and not re.search(r"[{}?#]", re.sub(r"\{\w+\}", "", route))


def fill_in(name: str) -> str:
    """The placeholder for a value that only a person knows; the catalog refuses it until one stands there."""
    return f"{{{FILL_IN}{re.sub('[^a-z0-9]+', '_', name.lower()).strip('_') or 'value'}}}"


def placeholders(request: dict[str, Json]) -> set[str]:
    """The placeholders in a request that only a person can fill in."""
    return set(_FILL_IN.findall(json.dumps(request)))


def slug(text: str) -> str:
    """The text as an id of a case may be."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "case"


def line(text: str, most: int = 120) -> str:
    """Foreign text on one line, without what a terminal or YAML would obey, and not endless."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: most * 4]).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
