"""From arm to request, and from what a witness names to the implementation that served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from verification.core.model import EXPECTED_IMPLEMENTATION, Arm, Exchange, Implementation

SERVER_TIME_HEADER = "server-timing"
_BY_NAME = {known.value: known for known in Implementation}


@dataclass(frozen=True, slots=True)
class Marks:
    """What puts a request on an arm: added to its query and headers, before its path, or its base URL."""

    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    base_url: str | None = None

    def beside(self, headers: Mapping[str, str]) -> dict[str, str]:
        """These headers with the marks' own; a cookie joins the one that is there (RFC 6265, 5.4)."""
        found = {name.lower(): value for name, value in headers.items()}
        for name, value in self.headers:
            cookies = [found["cookie"]] if name.lower() == "cookie" and "cookie" in found else []
            found[name.lower()] = "; ".join([*cookies, value])
        return found


@dataclass(frozen=True, slots=True)
class Routing:
    """How a request is put on control and on candidate.

    `name` is the query parameter, header or cookie that takes the two values; by path they are prefixes, by URL the two
    base URLs, and it is empty.
    """

    by: Literal["query", "header", "cookie", "path", "url"] = "query"
    name: str = "force_domain"
    control: str = "false"
    candidate: str = "true"
    flag: bool = True
    """Whether a request that is put on no arm is routed by a flag at a percent."""

    def marks(self, arm: Arm | None) -> Marks:
        """What puts a request on an arm; None leaves the choice to the flag, and by URL to control."""
        if arm is None:
            return Marks(base_url=self.control if self.by == "url" else None)
        value = self.control if arm is Arm.CONTROL else self.candidate
        if self.by == "query":
            return Marks(query=((self.name, value),))
        if self.by == "header":
            return Marks(headers=((self.name, value),))
        if self.by == "cookie":
            return Marks(headers=(("cookie", f"{self.name}={value}"),))
        return Marks(prefix=value) if self.by == "path" else Marks(base_url=value)

    @property
    def told(self) -> str:
        """In words, for reports."""
        where = {"query": "query parameter", "header": "header", "cookie": "cookie"}.get(self.by)
        return f"{where} {self.name}" if where else {"path": "a prefix of the path", "url": "its base URL"}[self.by]


DEFAULT_ROUTING = Routing()


def implementation(served: str | None) -> Implementation | None:
    """The implementation that a witness names; None when it names none or one that does not exist."""
    return _BY_NAME.get((served or "").strip().lower())


def is_proven(exchange: Exchange) -> bool:
    """True when the witness names the implementation that the arm asked for."""
    return implementation(exchange.served_by) is EXPECTED_IMPLEMENTATION[exchange.arm]


def is_fallback(exchange: Exchange) -> bool:
    """True when legacy served a request that was put on candidate."""
    return exchange.arm is Arm.CANDIDATE and implementation(exchange.served_by) is Implementation.LEGACY
