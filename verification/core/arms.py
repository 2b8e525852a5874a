"""From arm to request, and from answer to the implementation that served."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from verification.core.model import EXPECTED_IMPLEMENTATION, Answer, Arm, Exchange, Implementation

SERVER_TIME_HEADER = "server-timing"
_BY_NAME = {known.value: known for known in Implementation}
_FORCED = {Arm.CONTROL: "false", Arm.CANDIDATE: "true"}


@dataclass(frozen=True, slots=True)
class Witness:
    """Where an answer tells which implementation made it: in a header, or at a dotted path of its JSON body.

    `legacy` and `domain` are the texts that name the two, in any case of letters. Without header and body nothing in
    an answer is a witness.
    """

    header: str | None = "x-served-by"
    body: str | None = None
    legacy: str = "legacy"
    domain: str = "domain"

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        if self.header is not None:
            return f"response header {self.header}"
        return f"body field {self.body}" if self.body is not None else "none"

    def served_by(self, headers: Iterable[tuple[str, str]], body: str) -> str | None:
        """What the answer names: `legacy`, `domain`, or what it says instead; None when it says nothing.

        Witnesses that contradict each other come out as a list, which names no implementation.
        """
        if self.header is not None:
            wanted = self.header.lower()
            named = dict.fromkeys(self._known(value) for name, value in headers if name.lower() == wanted)
            return ", ".join(named) if named else None
        told = None if self.body is None else _told(body, self.body)
        return None if told is None else self._known(told)

    def of(self, answer: Answer) -> str | None:
        """The same of a recorded answer."""
        return self.served_by(answer.headers, "" if answer.body_is_base64 else answer.body)

    def _known(self, text: str) -> str:
        for name, implementation_ in ((self.legacy, Implementation.LEGACY), (self.domain, Implementation.DOMAIN)):
            if text.strip().lower() == name.strip().lower():
                return implementation_.value
        # "domain" said by a backend that names its rewrite otherwise must not pass for the rewrite.
        return repr(text) if text.strip().lower() in _BY_NAME else text


DEFAULT_WITNESS = Witness()


def _told(body: str, path: str) -> str | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return None if found is None or isinstance(found, dict | list) else str(found)


def force_query(arm: Arm | None) -> tuple[tuple[str, str], ...]:
    """Query parameters that put a request on an arm; None leaves the choice to the flag."""
    return () if arm is None else (("force_domain", _FORCED[arm]),)


def implementation(served: str | None) -> Implementation | None:
    """The implementation that a witness names; None when it names none or one that does not exist."""
    return _BY_NAME.get((served or "").strip().lower())


def is_proven(exchange: Exchange) -> bool:
    """True when the witness names the implementation that the arm asked for."""
    return implementation(exchange.served_by) is EXPECTED_IMPLEMENTATION[exchange.arm]


def is_fallback(exchange: Exchange) -> bool:
    """True when legacy served a request that was put on candidate."""
    return exchange.arm is Arm.CANDIDATE and implementation(exchange.served_by) is Implementation.LEGACY
