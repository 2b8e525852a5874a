"""A backend that somebody else runs: asked, never touched, unless that somebody said how and allowed it."""

from __future__ import annotations

import os
import time

from verification.core.errors import PermissionNeeded, TargetError
from verification.core.model import Arm, Request
from verification.core.redact import Redactor, redact_text
from verification.drive.connect import connect
from verification.drive.percent import driver_of
from verification.drive.target import read_log_tail
from verification.settings import Settings

MOST_SILENCES = 3


class NamedTarget:
    """A backend at the percent that the caller declares, or two; another percent only as the settings say."""

    owned = False

    def __init__(self, settings: Settings, declared_percent: int, *, knows_percent: bool = True) -> None:
        if settings.is_embedded:
            raise TargetError("no URL is named")
        self.base_url, self.log_path = settings.target.urls[0], settings.target.log_file
        self._settings, self._declared = settings, declared_percent
        self._moved = False
        self._silent_s = 0.0
        self._last_death = ""
        self._percent = declared_percent if knows_percent or not settings.may_change_percent else None

    def set_percent(self, percent: int) -> float:
        """Accept the percent that the backend is at; change it only where allowed, and wait until it is ready."""
        started = time.monotonic()
        if percent != self._percent:
            if not self._settings.may_change_percent:
                raise PermissionNeeded(
                    f"{redact_text(self.base_url)} is declared to be at {self._declared} %. The suite does not change "
                    "the percent of a backend that it did not start; [percent] in the settings says how, and "
                    "--allow-percent-change (with --allow-restart for a command) allows it."
                )
            self._move(percent)
        death = self.death()
        if death is not None:
            raise TargetError(death)
        return time.monotonic() - started

    def forget(self) -> None:
        """Whoever moved it meanwhile, it may stand at another percent now, and answer again."""
        self._silent_s = 0.0
        if self._settings.may_change_percent:
            self._percent = None

    def _move(self, percent: int) -> None:
        """Set the percent, wait until the backend is ready, and see that it took effect where the settings say how."""
        self._percent, self._moved = None, True
        driver_of(self._settings, self.base_url)(percent)
        deadline = time.monotonic() + self._settings.target.ready_timeout_s
        wrong = self._silence() or self._other_percent(percent)
        while wrong is not None and time.monotonic() < deadline:
            time.sleep(0.2)
            wrong = self._silence() or self._other_percent(percent)
        if wrong is not None:
            raise TargetError(f"after it was set to {percent} %: {wrong}")
        self._percent, self._silent_s = percent, 0.0

    def _other_percent(self, percent: int) -> str | None:
        """Why the backend is not at this percent, as far as it tells; None where it is, or tells nothing."""
        check = self._settings.percent.check
        if check is None:
            return None
        with connect(self._settings, self.base_url, Redactor(os.urandom(32))) as caller:
            told = caller.told(Request("GET", check.path), check.field)
        return None if told == str(percent) else f"{check.path} tells {check.field} = {told}, not {percent}"

    def death(self) -> str | None:
        """Why the backend is taken for gone; None while it answers.

        Every case asks this first; waiting the whole time limit for each would keep a run for hours. So what was silent
        for three time limits in a row is given up, until it is moved or somebody else may have moved it.
        """
        if self._silent_s >= MOST_SILENCES * self._settings.target.timeout_s:
            return f"{self._last_death} It was waited for {self._silent_s:.0f} s in a row; nothing more is asked of it."
        began = time.monotonic()
        found = self._silence()
        waited_s = time.monotonic() - began
        self._silent_s, self._last_death = (0.0, "") if found is None else (self._silent_s + waited_s, found)
        return found

    def _silence(self) -> str | None:
        """Ask the readiness route of each backend; what is wrong with the first that does not answer."""
        path = self._settings.target.ready
        arms = tuple(Arm) if self._settings.has_two_urls else (Arm.CONTROL,)
        with connect(self._settings, self.base_url, Redactor(os.urandom(32))) as caller:
            for arm, url in zip(arms, self._settings.target.urls, strict=True):
                exchange = caller.call(Request("GET", path), arm, force=self._settings.has_two_urls)
                if exchange.answer is None or exchange.answer.status >= 500:
                    reason = exchange.failure or f"status {exchange.answer.status if exchange.answer else '?'}"
                    place = redact_text(url)
                    return f"{place}{path} does not answer ({reason}). Is the backend up, and is the URL right?"
        return None

    def log_text(self) -> str:
        """The end of the log file that the settings name."""
        return "" if self.log_path is None else read_log_tail(self.log_path)

    def stop(self) -> None:
        """Nothing to end: the suite did not start it."""

    def close(self) -> None:
        """Bring it back to the percent that it was at."""
        if self._moved and self._percent != self._declared:
            self._move(self._declared)


def put_back(settings: Settings, percent: int) -> None:
    """Bring a named backend back to this percent, whichever step has moved it; TargetError where that fails."""
    if settings.may_change_percent and not settings.is_embedded:
        NamedTarget(settings, percent, knows_percent=False).set_percent(percent)
