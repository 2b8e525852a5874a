"""What tells who served: a place in the answers, and a second one that the routing does not write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from verification.core.documents import member
from verification.core.model import Answer, Implementation
from verification.core.policy import Frozen

Word = Annotated[str, Field(min_length=1, max_length=200)]


def _plain_path(path: str) -> str:
    """A query or a fragment would not be sent."""
    if not re.fullmatch(r"/[^?#\s]*", path):
        raise ValueError(f"must be a path on the target such as {_METRICS}, without a query")
    return path


_METRICS = "/api/v1/monitoring/metrics"
PlainPath = Annotated[str, AfterValidator(_plain_path)]
_LABEL = r'\s*[a-zA-Z_]\w*="[^"\\{}]*"\s*'
_METRIC = re.compile(rf"[a-zA-Z_:][\w:]*(\{{({_LABEL}(,{_LABEL})*)?,?\}})?", re.ASCII)
_NAMES = frozenset(known.value for known in Implementation)


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
    address: bool = False
    """Control and candidate are backends of their own: who answered is who was asked."""

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        if self.header is not None:
            return f"response header {self.header}"
        if self.address:
            return "the address that answered"
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
        for name, implementation in ((self.legacy, Implementation.LEGACY), (self.domain, Implementation.DOMAIN)):
            if text.strip().lower() == name.strip().lower():
                return implementation.value
        # "domain" said by a backend that names its rewrite otherwise must not pass for the rewrite.
        return repr(text) if text.strip().lower() in _NAMES else text


DEFAULT_WITNESS = Witness()


def _told(body: str, path: str) -> str | None:
    try:
        found = member(json.loads(body), path)
    except (ValueError, RecursionError):
        return None
    return None if found is None or isinstance(found, dict | list) else str(found)


class SecondWitnessSettings(Frozen):
    """Something that the routing does not write and that knows who served, too. Without any, counters are read."""

    counter: PlainPath = _METRICS
    """Path of a JSON document in which `legacy` and `domain` are dotted paths of counters."""
    metrics: PlainPath | None = None
    """Path of a document in Prometheus' text format in which `legacy` and `domain` are counters: a name, with labels
    where it has several, as in `requests_total{implementation="domain"}`."""
    header: Word | None = None
    """Another response header; `legacy` and `domain` are its values."""
    body: Word | None = None
    """A dotted path in the JSON body; `legacy` and `domain` are its values."""
    log: bool = False
    """Lines of the log (`target.log_file` of a named backend) that the patterns `legacy` and `domain` match."""
    none: bool = False
    """There is no second witness."""
    legacy: Annotated[str, Field(max_length=200)] = "domain_service.old_count"
    """May be empty for counters and log lines: who served candidate is what must be known twice."""
    domain: Word = "domain_service.usage_count"

    @model_validator(mode="after")
    def one_kind(self) -> Self:
        """One kind only, with texts that fit it."""
        declared = {
            "counter": "counter" in self.model_fields_set,
            "metrics": self.metrics is not None,
            "header": self.header is not None,
            "body": self.body is not None,
            "log": self.log,
            "none": self.none,
        }
        kinds = [name for name, is_declared in declared.items() if is_declared]
        named = {name for name in ("legacy", "domain") if name in self.model_fields_set}
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other; keep one of {', '.join(declared)}")
        if kinds and kinds[0] in ("metrics", "header", "body", "log") and named != {"legacy", "domain"}:
            raise ValueError(f"{kinds[0]} needs legacy and domain: the counters, texts or patterns that stand for each")
        if self.metrics is not None:
            for selector in (self.legacy, self.domain):
                if selector and not _METRIC.fullmatch(selector):
                    raise ValueError(f'{selector!r} is no metric; valid is a name such as requests_total{{by="new"}}')
        if self.log:
            _require_patterns(self.legacy, self.domain)
        return self


class WitnessSettings(Frozen):
    """Where an answer tells who made it."""

    header: Word | None = None
    """A response header; without header and body it is X-Served-By."""
    body: Word | None = None
    """A dotted path in the JSON body."""
    none: bool = False
    """Answers do not tell. Nothing can be compared then; the report says what the backend lacks."""
    legacy: Word = "legacy"
    domain: Word = "domain"
    second: SecondWitnessSettings = SecondWitnessSettings()

    @model_validator(mode="after")
    def one_place(self) -> Self:
        """One place only, and two texts that can be told apart."""
        if sum((self.header is not None, self.body is not None, self.none)) > 1:
            raise ValueError("header, body and none exclude each other; keep one")
        if self.legacy.strip().lower() == self.domain.strip().lower():
            raise ValueError("legacy and domain must be different texts, whatever the case of their letters")
        return self

    @property
    def is_undeclared(self) -> bool:
        """True when nothing says where the witness stands."""
        return self.header is None and self.body is None and not self.none

    @property
    def first(self) -> Witness:
        """The witness in the answers."""
        elsewhere = self.body is not None or self.none
        return Witness(
            self.header or (None if elsewhere else DEFAULT_WITNESS.header), self.body, self.legacy, self.domain
        )


def _require_patterns(*patterns: str) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
