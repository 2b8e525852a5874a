"""A backend that somebody else runs: asked, never touched, unless that somebody said how and allowed it."""

from __future__ import annotations

import os
import subprocess
import time

from verification.core.errors import PermissionNeeded, TargetError
from verification.core.model import Arm, Request
from verification.core.redact import Redactor, redact_text
from verification.drive.caller import Caller
from verification.drive.target import read_log_tail
from verification.settings import Settings

RESTART_TIMEOUT_S, READY_TIMEOUT_S = 180.0, 60.0
_PING = Request("GET", "/api/ping")


class NamedTarget:
    """A backend at the percent that the caller declares; another percent only by the command that the settings name."""

    owned = False

    def __init__(self, settings: Settings, declared_percent: int, *, knows_percent: bool = True) -> None:
        target = settings.target
        if target.url is None:
            raise TargetError("no URL is named")
        self.base_url, self.log_path = target.url, target.log_file
        self._settings, self._declared = settings, declared_percent
        self._percent = declared_percent if knows_percent or not settings.may_change_percent else None

    def set_percent(self, percent: int) -> float:
        """Accept the percent that the backend is at; change it only where allowed, and wait until it is ready."""
        started = time.monotonic()
        if percent != self._percent:
            if not self._settings.may_change_percent:
                raise PermissionNeeded(
                    f"{redact_text(self.base_url)} is declared to be at {self._declared} %. The suite does not change "
                    "the percent of a backend that it did not start; target.restart_command says how, and "
                    "--allow-percent-change and --allow-restart allow it."
                )
            self._restart(percent)
        death = self.death()
        if death is not None:
            raise TargetError(death)
        return time.monotonic() - started

    def _restart(self, percent: int) -> None:
        command = [word.replace("{percent}", str(percent)) for word in self._settings.target.restart_command]
        try:
            done = subprocess.run(command, capture_output=True, timeout=RESTART_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"target.restart_command {command[0]}: {redact_text(str(error))}") from error
        if done.returncode != 0:
            said = redact_text(done.stderr.decode(errors="replace").strip())[-500:]
            raise TargetError(f"target.restart_command {command[0]} ended with {done.returncode}: {said}")
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.death() is not None and time.monotonic() < deadline:
            time.sleep(0.2)
        self._percent = percent

    def death(self) -> str | None:
        """Ask the readiness route; a target that does not answer is taken for gone."""
        timeout_s = self._settings.target.timeout_s
        with Caller(self.base_url, Redactor(os.urandom(32)), timeout_s=timeout_s) as caller:
            exchange = caller.call(_PING, Arm.CONTROL, force=False)
        if exchange.answer is not None and exchange.answer.status < 500:
            return None
        reason = exchange.failure or f"status {exchange.answer.status if exchange.answer else '?'}"
        place = redact_text(self.base_url)
        return f"{place}/api/ping does not answer ({reason}). Is the backend up, and is the URL right?"

    def log_text(self) -> str:
        """The end of the log file that the settings name."""
        return "" if self.log_path is None else read_log_tail(self.log_path)

    def stop(self) -> None:
        """Nothing to end: the suite did not start it."""

    def close(self) -> None:
        """Bring it back to the percent that it was at."""
        if self._percent not in (None, self._declared):
            self._restart(self._declared)
