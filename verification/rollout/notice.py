"""Tells the webhook what is new of a release, and writes down that it was told: what could not be told is told later.

One try at each occasion (a look, a decision, a start, a rollback), and never more than `LONGEST_S` of waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from verification.core.errors import EvidenceError, UsageError
from verification.core.judge.release import judge_stage
from verification.core.release.events import Judged, Notified, RolledBack, Started
from verification.core.release.judgement import StageJudgement
from verification.core.release.news import News, news_of
from verification.core.release.standing import standing
from verification.drive.webhook import LONGEST_S, notify
from verification.rollout.call import call_of
from verification.rollout.clock import Clock
from verification.rollout.ledger import Ledger, sole_teller
from verification.settings import Settings

_TURN_S, _STEP_S = 2.0, 0.05
"""Longest wait for another process that is telling, part of `LONGEST_S`; and how often it is looked for."""


def tell_news(settings: Settings, ledger: Ledger, clock: Clock) -> tuple[str, ...]:
    """Send the newest that nobody was told of, if there is any; why it could not be told. Trouble with it is never an
    error."""
    asked = settings.release.notify
    if asked is None:
        return ()
    try:
        if news_of(ledger.events()) is None:
            return ()
        began = clock.elapsed()
        with _turn(ledger.path, clock):
            # Once more: whoever had the turn before may have told it.
            news = news_of(ledger.events())
            if news is None:
                return ()
            # As it stands now: another process may have moved or judged it since this one did.
            judgement = judge_stage(ledger.standing(), settings.release.plan, settings.policy, clock.now())
            failure = notify(asked, _values(settings, news, judgement), LONGEST_S - (clock.elapsed() - began))
            if failure is None:
                # After the sending: whoever is killed in between sends it twice, which is better than never.
                ledger.append(Notified(news.line), clock.now())
    except (UsageError, EvidenceError) as error:
        failure = str(error)
    return _complaint(f"{failure.rstrip('.')}. The next look, decide, start or rollback tries again") if failure else ()


def tell_unwritten(settings: Settings, event: Started | RolledBack, clock: Clock) -> tuple[str, ...]:
    """Send what no ledger holds, because there is none or it cannot be used; why it could not be told."""
    asked, now = settings.release.notify, clock.now()
    if asked is None:
        return ()
    alone = standing([(1, now, event)])
    judgement = judge_stage(alone, settings.release.plan, settings.policy, now)
    failure = notify(asked, _values(settings, News(1, now, event, None), judgement))
    return _complaint(failure) if failure else ()


def _complaint(failure: str) -> tuple[str, ...]:
    return (f"the webhook was not told: {failure}",)


def _turn(path: Path, clock: Clock) -> ExitStack:
    """The right to tell, so that two processes do not tell the same; UsageError where another one keeps it."""
    end = clock.elapsed() + _TURN_S
    while True:
        held = ExitStack()
        try:
            held.enter_context(sole_teller(path))
        except UsageError:
            if clock.elapsed() >= end:
                raise
            clock.sleep(_STEP_S)
        else:
            return held


def _values(settings: Settings, news: News, judgement: StageJudgement) -> Mapping[str, str]:
    call, event = call_of(settings), news.event
    verdict, action = judgement.verdict, call.command(judgement.action)
    if isinstance(event, Judged):
        kind, reasons = "verdict", judgement.reasons
        if event.verdict is not verdict:
            # A moment ago it was another one, and that is what the ledger says. What to do is not sure until the next
            # time it is judged, and the command in the ledger names no settings, target or ledger of this call.
            verdict, reasons, action = event.verdict, event.reasons, call.suite("status")
        reason = reasons[0] if reasons else "nothing stands against it"
    else:
        kind, reason = "failed start" if isinstance(event, Started) else "rollback", _moved(event)
    # What the judge says of a start that is not back is that start.
    before = [_moved(one) for one in news.before if not (isinstance(one, Started) and one.detail in reason)]
    reason = "; before that: ".join((reason, *reversed(before)))
    return {
        "percent": str(judgement.percent),
        "verdict": verdict.value,
        "former": "none" if news.former is None else news.former.value,
        "reason": reason,
        "action": f"{action} ({call.note})" if call.note else action,
        "event": kind,
        "at": news.at.isoformat(timespec="seconds"),
    }


def _moved(event: Started | RolledBack) -> str:
    if isinstance(event, Started):
        return f"{event.percent} % was not started: {event.detail}"
    proven = "proven" if event.is_proven else "NOT proven"
    return f"rolled back from {event.former} %, {proven} ({event.who}: {event.why}): {'; '.join(event.detail)}"
