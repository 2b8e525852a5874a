"""The detail under a finding: what was sent to both sides and what came back, within a budget of characters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from verification.core.expectation import attempts_at, latest
from verification.core.model import Comparison, Exchange, Finding, Probe
from verification.core.records import Evidence
from verification.core.said import say
from verification.reporting import curl
from verification.reporting.texts import Lang, told

MOST_BODY_CHARACTERS = 6_000
MOST_READING_CHARACTERS = 2_000
_MOST_CURL_CHARACTERS = 8_000
_SIDES = ("control", "candidate")


@dataclass(slots=True)
class Budget:
    """How many characters of bodies the page may still hold, so that no number of differences makes it unreadable."""

    lang: Lang = "en"
    left: int = 3_000_000

    def cut(self, text: str, most: int) -> str:
        """The text, or its beginning with a note of how long it is."""
        allowed = max(0, min(most, self.left))
        self.left -= min(len(text), allowed)
        if len(text) <= allowed:
            return text
        note = say("… ({count:,} characters, all of them in the run's evidence)", count=len(text))
        return text[:allowed] + told(note, self.lang)


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """One exchange as a report shows it."""

    side: str
    line: str
    """Method, path and query with the forced arm."""
    status: str
    served_by: str
    elapsed_ms: float
    headers: tuple[tuple[str, str], ...]
    sent: str
    body: str
    curl: str | None


@dataclass(frozen=True, slots=True)
class ShownReading:
    """One public read of state on both sides; None where a side was not read."""

    name: str
    moment: str
    control: str | None
    candidate: str | None


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """One attempt of a case: the exchanges of both sides and the readings around them."""

    number: int
    exchanges: tuple[ShownExchange, ...]
    readings: tuple[ShownReading, ...]
    failures: tuple[tuple[str, str], ...]
    """(side, why the case could not be brought about there)."""


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding with the attempts of the case it speaks of, in the repetition in which it was first seen."""

    finding: Finding
    attempts: tuple[ShownAttempt, ...]


@dataclass(slots=True)
class Details:
    """Looks up the exchanges of findings; holds the page's budget."""

    evidence: Evidence
    lang: Lang = "en"
    budget: Budget = field(init=False)
    _cases: dict[tuple[str, str], list[Comparison]] = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget(self.lang)
        self._cases = latest(self.evidence.comparisons)

    def of(self, findings: Iterable[Finding]) -> list[ShownFinding]:
        """The findings in their order, each with what was exchanged."""
        return [self._shown(finding) for finding in findings]

    def _shown(self, finding: Finding) -> ShownFinding:
        comparisons = self._cases.get((finding.endpoint or "", finding.case or ""), [])
        shown = attempts_at(comparisons, finding.numbers.get("first_repetition"))
        return ShownFinding(finding, tuple(self._attempt(comparison) for comparison in shown[-3:]))

    def _attempt(self, comparison: Comparison) -> ShownAttempt:
        probes = {side: probe for side in _SIDES if (probe := comparison.side(side)) is not None}
        exchanges = [
            self._exchange(side, probe.exchange) for side, probe in probes.items() if probe.exchange is not None
        ]
        failures = [(side, probe.failure) for side, probe in probes.items() if probe.failure is not None]
        return ShownAttempt(comparison.attempt, tuple(exchanges), tuple(self._readings(probes)), tuple(failures))

    def _exchange(self, side: str, exchange: Exchange) -> ShownExchange:
        request, answer = exchange.request, exchange.answer
        marks = self.evidence.manifest.routing.marks(exchange.arm)
        query = urlencode([*request.query, *marks.query], errors="replace")
        return ShownExchange(
            side=side,
            line=f"{request.method} {marks.prefix}{request.path}{'?' if query else ''}{query}",
            status=str(answer.status) if answer else told("no answer", self.lang),
            served_by=exchange.served_by or told("nobody named", self.lang),
            elapsed_ms=exchange.elapsed_ms,
            headers=answer.headers if answer else (),
            sent=self.budget.cut(request.body or "", MOST_BODY_CHARACTERS),
            body=self._body(exchange, MOST_BODY_CHARACTERS),
            curl=curl.command(
                exchange, self.evidence.manifest.target, self.evidence.manifest.routing, _MOST_CURL_CHARACTERS
            ),
        )

    def _readings(self, probes: dict[str, Probe]) -> list[ShownReading]:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for side, probe in probes.items():
            for reading in probe.readings:
                answer = reading.exchange.answer
                status = str(answer.status) if answer else told("no answer", self.lang)
                text = self._body(reading.exchange, MOST_READING_CHARACTERS)
                found.setdefault((reading.name, reading.moment), {})[side] = f"{status} {text}"
        return [ShownReading(*key, sides.get("control"), sides.get("candidate")) for key, sides in found.items()]

    def _body(self, exchange: Exchange, most: int) -> str:
        answer = exchange.answer
        if answer is None:
            return self.budget.cut(told(say("no answer: {why}", why=exchange.failure), self.lang), most)
        if answer.body_is_base64:
            return self.budget.cut(told("(not UTF-8, as base64)", self.lang) + " " + answer.body, most)
        return self.budget.cut(answer.body, most)
