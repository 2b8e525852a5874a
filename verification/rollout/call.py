"""How this release was named in the present call, so that printed commands name it in the same way."""

from __future__ import annotations

from verification.core.release.call import Call
from verification.core.release.judgement import StageJudgement
from verification.settings import Settings, is_loopback
from verification.settings.source import COMMAND_LINE, FROM_ENVIRONMENT


def call_of(settings: Settings) -> Call:
    """What the file does not say, because it came from the command line or the environment, and which file it is.

    What the environment gave is given as an option: who copies a command may stand in another shell.
    """
    file = settings.named_file
    is_elsewhere = not all(map(is_loopback, settings.target.urls))
    return Call(
        settings=None if file is None else str(file),
        target=settings.target.url if _is_given(settings, "target.url") else None,
        ledger=str(settings.release.ledger) if _is_given(settings, "release.ledger") else None,
        runs=str(settings.run.report_dir),
        # On this machine the command itself is the permission.
        is_elsewhere=is_elsewhere,
        may_write=settings.run.allow_writes and _is_given(settings, "run.allow_writes") and is_elsewhere,
    )


def next_lines(judgement: StageJudgement, call: Call) -> list[str]:
    """What to do next, as the exact words to type; below it what must be added to them."""
    return [f"next: {call.command(judgement.action)}", *([] if call.note is None else [call.note])]


def _is_given(settings: Settings, key: str) -> bool:
    source = settings.sources.get(key, "")
    return source == COMMAND_LINE or source.startswith(FROM_ENVIRONMENT)
