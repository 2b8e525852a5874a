"""Moves a release: puts its backend at the next percent, or everything back to the old implementation, and proves it.

"Started" is said only where answers show the share; otherwise the backend goes back to the percent that it was at.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace

from verification.core.cases import Catalog
from verification.core.errors import EvidenceError, PermissionNeeded, TargetError, UsageError
from verification.core.exceedance import Stratum
from verification.core.model import Verdict
from verification.core.redact import Redactor, redact_text
from verification.core.release.events import Look, RolledBack, Started, Told
from verification.core.release.looks import strata_of
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing
from verification.drive.connect import connect
from verification.drive.named_target import NamedTarget
from verification.rollout.call import call_of
from verification.rollout.clock import Clock
from verification.rollout.ledger import Ledger, sole_mover
from verification.rollout.notice import tell_unwritten
from verification.rollout.proof import Proof, prove_percent, prove_rollback
from verification.rollout.verdict import judge_now
from verification.settings import Settings
from verification.settings.permission import is_loopback


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a start or a rollback."""

    is_proven: bool
    lines: tuple[str, ...]


def percent_of(text: str) -> int:
    """The percent that a person typed; UsageError where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise UsageError(f"start {text}: a percent is a whole number from 0 to 100, for example 10.")
    return int(text)


def allowed(settings: Settings, *, change_percent: bool) -> Settings:
    """Settings under which the percent may be changed. On this machine the command itself is the permission.

    UsageError where no backend is named; PermissionNeeded where it stands elsewhere and nobody said so.
    """
    if settings.is_embedded:
        raise UsageError(
            "A release is carried on a backend of your own: name it with --target URL or as [target] url in the "
            "settings. The embedded one is gone when the command ends."
        )
    if not change_percent and not all(map(is_loopback, settings.target.urls)):
        raise PermissionNeeded(
            f"{redact_text(settings.target.urls[0])} is not this machine. To change its percent add "
            "--allow-percent-change."
        )
    run = settings.run.model_copy(update={"allow_percent_change": True, "allow_restart": True})
    return settings.model_copy(update={"run": run})


def refusal(standing: Standing, plan: ReleasePlan, percent: int) -> str | None:
    """Why the plan does not let this percent be started now; None where it does."""
    if percent == 0:
        return "0 % is no stage: `rollback` brings everything back to the old implementation, and proves it."
    planned = ", ".join(f"{one} %" for one in plan.percents)
    if plan.stage(percent) is None:
        return f"{percent} % is no stage of the plan, which has {planned}; [[release.stages]] is where they stand."
    if percent <= standing.percent:
        return None
    following = plan.after(standing.percent)
    if following is None or percent != following.percent:
        after = f"after {standing.percent} %" if standing.percent else "first"
        return f"{percent} % would skip a stage: {after} comes {following.percent if following else 0} %."
    if standing.percent and standing.verdict is not Verdict.PROMOTE:
        said = "there is no verdict yet" if standing.verdict is None else f"the verdict is {standing.verdict}"
        return f"{standing.percent} % has not passed: {said}. `status` says what is missing."
    return None


def start(
    settings: Settings, ledger: Ledger, percent: int, clock: Clock, *, who: str, override: str | None = None
) -> Outcome:
    """Put the backend at a percent of the plan; UsageError where the plan does not let it and nobody overrides that."""
    with sole_mover(ledger.path):
        # As of now, not as of the last look: feedback may have come in since, or looks have been missed.
        _, complaints = judge_now(settings, ledger, clock)
        standing = ledger.standing()
        refused = refusal(standing, settings.release, percent)
        if refused is not None and percent == 0:
            raise UsageError(refused)
        if refused is not None and not (override or "").strip():
            raise UsageError(f"{refused} --override REASON passes over the order of the plan, and is written down.")
        # What would fail afterwards fails now: the authentication, and writing things down.
        connect(settings, settings.target.urls[0], Redactor(os.urandom(32))).close()
        ledger.append(Told("start", f"{who} starts {percent} %, from {standing.percent} %"), clock.now())
        began = clock.elapsed()
        attempt = Started(percent, standing.percent, who, False, "", 0.0, override if refused else None)
        try:
            proof = _move(settings, percent)
        except BaseException as error:
            # Interrupted, or a bug: it must not stay where nobody has proven anything.
            cut_off = _put_back(settings, attempt, Proof(wrong=(f"cut off by {type(error).__name__}",)))
            cut_off = replace(cut_off, seconds=_since(clock, began))
            ledger.append(cut_off, clock.now())
            _tell(settings, ledger, cut_off, clock)
            raise
        if proof.wrong:
            event = _put_back(settings, attempt, proof)
        else:
            event = replace(attempt, is_proven=True, detail="; ".join(proof.shown))
        event = replace(event, seconds=_since(clock, began))
        ledger.append(event, clock.now())
    if event.is_proven:
        return Outcome(True, (f"started: {percent} %", *proof.shown, *complaints))
    complaints = _tell(settings, ledger, event, clock)
    wrong = "; ".join(proof.wrong)
    lines = (f"not started: {percent} % is not proven: {wrong}", event.detail.removeprefix(f"{wrong}; "))
    back = f"`{call_of(settings).back}` brings everything to the old one."
    return Outcome(False, (*lines, *(() if event.is_back else (back,)), *complaints))


def _put_back(settings: Settings, attempt: Started, proof: Proof) -> Started:
    """Bring the backend to its former percent again, because `proof` is none; what became of the attempt."""
    back = _move(settings, attempt.former)
    told = "NOT back" if back.wrong else "back"
    detail = f"{'; '.join(proof.wrong)}; {told} at {attempt.former} %: {'; '.join(back.wrong or back.shown)}"
    return replace(attempt, detail=detail, is_back=not back.wrong)


def rollback(
    settings: Settings, catalog: Catalog, ledger: Ledger | None, clock: Clock, *, who: str, why: str
) -> Outcome:
    """Bring every request back to the old implementation, prove it, and write it down; again and again if need be.

    Users come first: what keeps it from being written down (no ledger at all, too), or another process that is moving
    the backend, is told afterwards, and then it is not called proven.
    """
    began = clock.elapsed()
    # A backend that is half dead may still serve the old implementation, so what it does is seen anyway.
    proof = _set(settings, 0)
    former, baseline = 0, list[Stratum]()
    if ledger is None:
        proof = proof.and_(Proof(wrong=("there is no ledger that this could be written to",)))
    else:
        try:
            former, baseline = ledger.standing().percent, _baseline(ledger)
            with sole_mover(ledger.path):
                pass
        except (UsageError, EvidenceError) as error:
            proof = proof.and_(Proof(wrong=(str(error),)))
    proof = proof.and_(prove_rollback(settings, catalog, baseline))
    seconds = _since(clock, began)
    event = RolledBack(former, who, why, not proof.wrong, (*proof.wrong, *proof.shown), seconds)
    if ledger is not None:
        try:
            ledger.append(event, clock.now())
        except EvidenceError as error:
            proof, ledger = proof.and_(Proof(wrong=(str(error),))), None
            event = replace(event, is_proven=False, detail=(*proof.wrong, *proof.shown))
    complaints = _tell(settings, ledger, event, clock)
    first = "NOT proven" if proof.wrong else "proven"
    lines = (f"rolled back from {former} % in {seconds:.1f} s, {first}:", *proof.shown)
    return Outcome(not proof.wrong, (*lines, *(f"WRONG: {one}" for one in proof.wrong), *complaints))


def _tell(settings: Settings, ledger: Ledger | None, event: Started | RolledBack, clock: Clock) -> tuple[str, ...]:
    """Have a move told that is over; why it was not. What goes wrong with that changes nothing of the move."""
    try:
        if ledger is not None:
            # A ledger that cannot be believed any more must not keep people from being told.
            with suppress(EvidenceError):
                return judge_now(settings, ledger, clock)[1]
        return tell_unwritten(settings, event, clock)
    except KeyboardInterrupt:
        return ("the webhook was not told: interrupted",)


def _move(settings: Settings, percent: int) -> Proof:
    """Set a percent and look whether it is there."""
    done = _set(settings, percent)
    return done if done.wrong else done.and_(prove_percent(settings, percent))


def _set(settings: Settings, percent: int) -> Proof:
    try:
        # Where nothing says how it is set, somebody else does, and only what is seen counts.
        NamedTarget(settings, percent, knows_percent=False).set_percent(percent)
    except (TargetError, PermissionNeeded) as error:
        return Proof(wrong=(str(error),))
    return Proof((f"{percent} % is set",)) if settings.percent.is_known else Proof()


def _baseline(ledger: Ledger) -> list[Stratum]:
    """What control took at the looks of the last stage that had any."""
    looks = [event for _, _, event in ledger.events() if isinstance(event, Look)]
    return strata_of([look for look in looks if look.percent == looks[-1].percent]) if looks else []


def _since(clock: Clock, began: float) -> float:
    return round(clock.elapsed() - began, 3)
