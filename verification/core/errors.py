"""One exception tree. Whatever a person can cause or mend is a `GateError`; anything else is a bug of ours.

GateError
├── UsageError          a wrong option or a forbidden combination; nothing was sent
│   ├── SettingsError   a settings file or value cannot be used
│   ├── CatalogError    a catalog file cannot be used
│   └── PermissionNeeded  a step that could do harm and that nobody allowed
├── TargetError         the backend did not start, answer or obey
└── EvidenceError       the run's folder cannot be written or read
"""

from __future__ import annotations

from verification.core.printable import block


class GateError(Exception):
    """Something a person can understand and mend. It says what was wrong, where, what is valid, what to do."""

    def __str__(self) -> str:
        """The message without anything that steers a terminal: it may quote what a backend said."""
        return block(super().__str__())


class UsageError(GateError):
    """The call itself cannot be carried out."""


class SettingsError(UsageError):
    """A settings file, or a value in it, cannot be used."""


class CatalogError(UsageError):
    """A catalog file, or an entry in it, cannot be used."""


class PermissionNeeded(UsageError):
    """The step could harm a system that the suite does not own, and nobody allowed it."""


class TargetError(GateError):
    """The backend did not start, answer or obey."""


class EvidenceError(GateError):
    """The run's folder cannot be written or read."""
