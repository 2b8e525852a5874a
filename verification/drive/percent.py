"""Ways to set the rollout percent of a backend that somebody else runs: a command, an HTTP call, or a file."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable

from verification.core.errors import TargetError
from verification.core.model import Arm, Request
from verification.core.redact import Redactor, redact_text
from verification.drive.connect import connect
from verification.settings import Settings
from verification.settings.target import FileChange, HttpCall, PercentSettings

_MOST_COMPLAINTS = 100_000

Driver = Callable[[int], None]
"""Sets a percent; TargetError says what went wrong."""


def driver_of(settings: Settings, base_url: str) -> Driver:
    """The way that the settings name."""
    asked = settings.percent

    def set_percent(percent: int) -> None:
        if asked.http is not None:
            _call(asked.http, settings, base_url, percent)
        elif asked.file is not None:
            _write(asked.file, percent)
        else:
            _run(asked, percent)

    return set_percent


def _filled(text: str, percent: int) -> str:
    return text.replace("{percent}", str(percent)).replace("{enabled}", "true" if percent > 0 else "false")


def _run(asked: PercentSettings, percent: int) -> None:
    command = [_filled(word, percent) for word in asked.command]
    environment = {**os.environ, **{name: _filled(value, percent) for name, value in asked.environment.items()}}
    # Into a file: a backend that the command leaves running would hold a pipe open for ever.
    with tempfile.TemporaryFile() as complaints:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                timeout=asked.timeout_s,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"percent.command {command[0]}: {redact_text(str(error))}") from error
        complaints.seek(0)
        said = redact_text(complaints.read(_MOST_COMPLAINTS).decode(errors="replace").strip())[-500:]
    if done.returncode != 0:
        raise TargetError(f"percent.command {command[0]} ended with {done.returncode}: {said or 'it did not say why'}")


def _call(call: HttpCall, settings: Settings, base_url: str, percent: int) -> None:
    body = None if call.body is None else _filled(call.body, percent)
    request = Request(call.method, _filled(call.path, percent), (), body, None if body is None else call.content_type)
    with connect(settings, base_url, Redactor(os.urandom(32))) as caller:
        exchange = caller.call(request, Arm.CONTROL, force=False)
    if exchange.answer is None or exchange.answer.status >= 300:
        said = exchange.failure if exchange.answer is None else f"status {exchange.answer.status}"
        raise TargetError(f"percent.http {call.method} {call.path}: {said}")


def _write(change: FileChange, percent: int) -> None:
    draft = change.path.with_name(f".{change.path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(_filled(change.text, percent), encoding="utf-8")
        draft.replace(change.path)
    except OSError as error:
        raise TargetError(f"percent.file {change.path} cannot be written: {error.strerror or error}.") from error
