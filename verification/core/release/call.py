"""How the suite is called for a release: what a printed command must hold to work as typed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.core.release.judgement import Action

_SUITE = "python -m verification"


@dataclass(frozen=True, slots=True)
class Call:
    """What was given beside the settings file, and must be given again. None is found without being given."""

    settings: str | None = None
    target: str | None = None
    ledger: str | None = None
    runs: str = "reports"
    """The folder in which the gate leaves its runs."""
    is_elsewhere: bool = False
    """Whether the backend is not this machine: who types a command that moves it must allow that in it."""
    may_write: bool = False
    """Whether this call allowed to write to a backend that is not this machine."""

    def command(self, action: Action) -> str:
        """The exact words to type. What may not be printed is left out of them; `lacking` names it."""
        begin, back = self._move(f"start {action.percent}"), self.back
        # What the gate's run said is told whatever it was, so `;`: its exit code is 0 only where it promotes.
        return {
            "begin": begin,
            "wait": self._writing(self.suite("observe")),
            "run-gate": f"{self.gate(action.percent)}; {self.suite(f'decide --run {shlex.quote(self.runs)}/latest')}",
            "promote": begin,
            "done": self.suite(f"report --stage {action.percent}"),
            "analyse": f"{back} && {begin}",
            "roll-back": back,
        }[action.kind]

    @property
    def back(self) -> str:
        """The command that rolls back."""
        return self._move("rollback")

    def _move(self, words: str) -> str:
        return f"{self.suite(words)} --allow-percent-change" if self.is_elsewhere else self.suite(words)

    def _writing(self, command: str) -> str:
        return f"{command} --allow-writes" if self.may_write else command

    def suite(self, words: str) -> str:
        """A command of the suite, for example `ledger verify`."""
        return " ".join([_SUITE, words, *self._given("settings", "target", "ledger")])

    def cleanup(self, folder: str) -> str:
        """The command that undoes what the folder's journal names; it knows no ledger."""
        return self._writing(" ".join([_SUITE, "cleanup", shlex.quote(folder), *self._given("settings", "target")]))

    def gate(self, percent: int) -> str:
        """The command that runs the gate at this percent."""
        # With the plugin by name: beside a checkout nothing else tells pytest of it.
        words = f"pytest -p verification.plugin -m stage_gate --stage {percent}"
        return self._writing(" ".join([words, *self._given("settings", "target")]))

    def _given(self, *names: str) -> list[str]:
        # With the equals sign, or pytest takes a file for a place to look for tests.
        values = ((name, getattr(self, name)) for name in names)
        return [f"--{name}={shlex.quote(value)}" for name, value in values if value is not None and _may_be_told(value)]

    @property
    def lacking(self) -> tuple[str, ...]:
        """Options that must be added by hand: a secret, or a sign that cannot be printed, stands in their value."""
        values = ((name, getattr(self, name)) for name in ("settings", "target", "ledger"))
        return tuple(f"--{name}" for name, value in values if value is not None and not _may_be_told(value))

    @property
    def note(self) -> str | None:
        """The same in words; None where nothing is lacking."""
        if not self.lacking:
            return None
        return f"add {' and '.join(self.lacking)} as in this call: what was given holds a secret and is not printed"


PLAIN = Call()
"""Nothing was given: the default settings file says all."""


def _may_be_told(value: str) -> bool:
    return visible(redact_text(value)) == value
