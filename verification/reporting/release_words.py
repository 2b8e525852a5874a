"""What a release's view says, as plain words of one language: a report escapes them, a terminal shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from verification.core.model import Finding, Verdict
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.core.release.amounts import Amount
from verification.core.release.events import Decided, GateRun, Judged, RolledBack, Started, Told
from verification.core.release.judgement import Action, Figure
from verification.core.release.plan import PlannedStage
from verification.core.release.standing import Feedback
from verification.core.release.view import ReleaseView, Step
from verification.core.said import joined
from verification.reporting import plain
from verification.reporting.texts import NAMED, Lang, text, told

MOST_CHARACTERS = 700
"""Of one text that somebody else wrote."""
_MOST_ON_TOP = 160
"""Of one that stands above the figures, which must not be pushed off the first screen."""


class Words:
    """Everything that a report of a release says, in one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, key: str, **values: object) -> str:
        """A text of the table."""
        return text(key, self.lang, **values)

    def said(self, words: str, most: int = MOST_CHARACTERS) -> str:
        """What somebody else wrote: on one line, without secrets, and not longer than a reader reads."""
        whole = visible(redact_text(words))
        if len(whole) <= most:
            return whole
        return whole[:most] + self("cut", count=plain.count(len(whole)))

    def pair(self, head: str, body: str) -> str:
        """A head and what belongs to it."""
        return self("pair", head=head, body=body)

    def all_of(self, parts: Iterable[str]) -> str:
        """The parts one after the other; in words where there is none."""
        return self("list").join(parts) or self("none")

    def moment(self, at: datetime | None) -> str:
        """To the minute, in UTC; empty where it is not known."""
        return "" if at is None else plain.moment(at.isoformat())

    def hours(self, value: float | None) -> str:
        """A time in hours; empty where there is none."""
        return "" if value is None else self("hours", count=f"{value:.1f}")

    def looks(self, count: int) -> str:
        """A number of looks."""
        return self("looks.one") if count == 1 else self("looks", count=plain.count(count))

    def seconds(self, value: float) -> str:
        """A time in seconds."""
        return self("seconds", count=f"{value:.1f}")

    def window(self, stage: PlannedStage) -> str:
        """The least and the most hours of a stage."""
        span = self("range", low=f"{stage.least_hours:g}", high=f"{stage.most_hours:g}")
        return self("hours", count=span)

    def verdict(self, verdict: Verdict | None) -> str:
        """A verdict by its name and what it says."""
        return "" if verdict is None else self(f"verdict.{verdict}")

    # The four figures

    def measured(self, figure: Figure) -> str:
        """What was measured."""
        return self._known(figure.value, is_change=figure.name == "p95_change")

    def bounds(self, figure: Figure) -> str:
        """Between what it lies, as far as that is known."""
        is_change = figure.name == "p95_change"
        low, high = figure.low, figure.high
        # A change of -100 % and an infinite one are no bounds.
        is_low = low is not None and math.isfinite(low) and not (is_change and low <= -1)
        is_high = high is not None and math.isfinite(high)
        shown_low, shown_high = self._known(low, is_change=is_change), self._known(high, is_change=is_change)
        if is_low and is_high:
            return self("range", low=shown_low, high=shown_high)
        if is_low:
            return self("at-least", low=shown_low)
        return self("at-most", high=shown_high) if is_high else self("unknown")

    def target(self, figure: Figure) -> str:
        """What it should be."""
        if figure.name == "share":
            return self("about", value=_limit(figure.target))
        sign = "≥ " if figure.name == "success_rate" else "≤ +" if figure.name == "p95_change" else "≤ "
        return sign + _limit(figure.target)

    def threshold(self, figure: Figure) -> str:
        """Beyond what the release is rolled back."""
        if figure.threshold is None:
            return self("none")
        sign = "< " if figure.name == "success_rate" else "> +" if figure.name == "p95_change" else "> "
        return sign + _limit(figure.threshold)

    def _known(self, value: float | None, *, is_change: bool) -> str:
        if value is None or math.isnan(value):
            return self("unknown")
        if math.isinf(value):
            return self("unlimited")
        return plain.change(value) if is_change else plain.share(value)

    # What is there and what is missing

    def amount(self, amount: Amount, view: ReleaseView) -> str:
        """How much is there of what is needed."""
        if amount.what == "gate":
            gate = view.stage.gate
            return self("none") if gate is None else f"{self.said(gate.run_id)} {gate.verdict}"
        there = f"{amount.there:.1f}" if amount.what == "hours" else plain.count(int(amount.there))
        counted = self("of", there=there, needed=f"{amount.needed:,g}")
        return self(amount.what, count=counted)

    def missing(self, view: ReleaseView) -> str:
        """What the plan still wants of the stage, in one sentence."""
        parts = [self._lacking(one, view) for one in view.amounts if not one.is_enough]
        return self("missing", what=self.all_of(parts)) if parts else self("complete")

    def _lacking(self, amount: Amount, view: ReleaseView) -> str:
        if amount.what == "gate":
            return self("missing.gate", percent=view.stage.percent)
        lacking = amount.needed - amount.there
        # Rounded up: with one decimal less would be told than is missing.
        if amount.what == "hours":
            return self.hours(math.ceil(lacking * 10) / 10)
        count = math.ceil(lacking)
        return self.looks(count) if amount.what == "looks" else self(amount.what, count=plain.count(count))

    # Where it stands and what to do

    def subject(self, view: ReleaseView) -> str:
        """What is spoken of: the stage, or the whole release."""
        if view.stage.began_at is None:
            return self("of-release")
        return self("of-stage", percent=view.stage.percent)

    def states(self, view: ReleaseView) -> list[str]:
        """The present state, what is wrong with it first."""
        wrong = told(joined("; ", view.wrong), self.lang)
        states = [self("state.broken", what=self.said(wrong, _MOST_ON_TOP))] if view.wrong else []
        if view.ended_at is not None:
            stage = view.stage
            span = {"began": self.moment(stage.began_at), "ended": self.moment(view.ended_at)}
            states.append(self("state.ended", percent=stage.percent, **span))
        release, last_try = view.release, view.failed_start
        failed = last_try.event if last_try is not None else None
        is_astray = isinstance(failed, Started) and not failed.is_back
        if release.began_at is not None or not is_astray:
            # Else nobody knows that the old implementation serves every request, whatever was so before.
            states.append(self._state(view))
        if release.began_at is not None and view.plan.stage(release.percent) is None:
            states.append(self("state.strange", percent=release.percent))
        if last_try is not None and isinstance(failed, Started):
            at, detail = self.moment(last_try.at), self.said(failed.detail, _MOST_ON_TOP)
            key = "state.astray" if is_astray else "state.failed-start"
            states.append(self(key, percent=failed.percent, former=failed.former, at=at, detail=detail))
        return states

    def _state(self, view: ReleaseView) -> str:
        release, back = view.release, view.rolled_back
        if back is not None and isinstance(back.event, RolledBack):
            key = "state.rolled-back" if back.event.is_proven else "state.not-rolled-back"
            seconds = self.seconds(back.event.seconds)
            return self(key, former=back.event.former, at=self.moment(back.at), seconds=seconds)
        if release.began_at is None:
            return self("state.stopped" if release.passed else "state.none")
        key = "state.finished" if view.is_finished else "state.running"
        return self(key, percent=release.percent, at=self.moment(release.began_at))

    def next_step(self, view: ReleaseView) -> str:
        """What to do now, without its command; what must be added to that by hand."""
        step = self(f"action.{self._kind(view.action, view)}", percent=view.action.percent)
        lacking = view.call.lacking
        return self("action.lacking", step=step, options=self.all_of(lacking)) if lacking else step

    def next_head(self, view: ReleaseView) -> str:
        """How the next step is announced: a report of the past says that it speaks of now."""
        return self("next" if view.ended_at is None else "next-now")

    def _kind(self, action: Action, view: ReleaseView) -> str:
        return "again" if action.kind == "begin" and view.release.passed else action.kind

    # What was done and said

    def rule(self, rule: str, title: str) -> str:
        """A rule by its name in this language; a rule without one by the title of its finding."""
        name = f"rule.{rule}"
        return self(name) if name in NAMED else self.said(told(title, self.lang))

    def finding(self, title: str, reason: str) -> str:
        """What was found; as it was kept where the ledger has only its text."""
        return self.said(self.pair(told(title, self.lang), told(reason, self.lang)))

    def reason(self, found: Finding) -> str:
        """A finding in one sentence."""
        return self.finding(found.title, found.reason)

    def step(self, step: Step) -> str:
        """What was done, in one sentence."""
        event = step.event
        if isinstance(event, Started):
            key = "step.started" if event.is_proven else "step.not-started"
            told = self(
                key,
                who=self.said(event.who),
                percent=event.percent,
                former=event.former,
                seconds=self.seconds(event.seconds),
                detail=self.said(event.detail),
            )
            return (
                told if event.override is None else self("step.override", step=told, reason=self.said(event.override))
            )
        if isinstance(event, RolledBack):
            return self(
                "step.rolled-back" if event.is_proven else "step.not-rolled-back",
                who=self.said(event.who),
                former=event.former,
                seconds=self.seconds(event.seconds),
                why=self.said(event.why),
                detail=self.said("; ".join(event.detail)),
            )
        if isinstance(event, GateRun):
            return self("step.gate", run=self.said(event.run_id), verdict=self.verdict(event.verdict))
        if isinstance(event, Judged):
            return self("step.judged", verdict=self.verdict(event.verdict))
        if isinstance(event, Decided):
            decision = self(f"decision.{event.decision}")
            return self("step.decided", who=self.said(event.who), decision=decision, why=self.said(event.why))
        if isinstance(event, Told):
            return self("step.told", source=self.said(event.source), text=self.said(event.text))
        looks = self.looks(step.looks)
        return self("step.looks", looks=looks, until=self.moment(step.until), answered=plain.count(step.answered))

    def decision(self, view: ReleaseView) -> list[str]:
        """The verdict, the one that the ledger holds where it is another one, what people decided and what ended it."""
        stage, verdict = view.stage, view.judgement.verdict
        told = [self("decision.verdict", verdict=self.verdict(verdict))]
        if stage.verdict not in (None, verdict):
            told.append(self("decision.recorded", verdict=self.verdict(stage.verdict)))
        decided = [
            self.pair(self.moment(one.at), self.step(one)) for one in view.steps if isinstance(one.event, Decided)
        ]
        if view.ended_at is not None:
            decided.append(self.pair(self.moment(view.ended_at), self.step(view.steps[-1])))
        return [*told, *(decided or [self("decision.none")])]

    def became_of(self, feedback: Feedback) -> str:
        """Whether a word of feedback is open, or who resolved it and why."""
        done = feedback.resolved
        if done is None:
            return self("feedback.open")
        return self("feedback.resolved", who=self.said(done.who), reason=self.said(done.reason))

    def ledger(self, view: ReleaseView) -> str:
        """Which ledger this was read from, and whether it is whole."""
        named = self("ledger", path=self.said(view.ledger), line=plain.count(view.last_line), hash=view.last_hash)
        key = "ledger.broken" if view.wrong else "ledger.whole"
        return named + self("gap") + self(key, command=view.call.suite("ledger verify"))

    def more(self, count: int, view: ReleaseView) -> str:
        """How many rows are left out, and where they are."""
        return self("more", count=plain.count(count), command=view.call.suite("ledger export"))


def _limit(share: float) -> str:
    return f"{share * 100:.4g} %"
