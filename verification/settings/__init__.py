"""Settings of a run: `rollout.toml`, under the environment, under the command line."""

from verification.settings.model import (
    LimitSettings,
    LoadSettings,
    RunSettings,
    SequenceSettings,
    Settings,
)
from verification.settings.permission import is_loopback, require_allowed_target
from verification.settings.source import HANDED, handed_settings, load_settings
from verification.settings.target import TargetSettings

__all__ = [
    "HANDED",
    "LimitSettings",
    "LoadSettings",
    "RunSettings",
    "SequenceSettings",
    "Settings",
    "TargetSettings",
    "handed_settings",
    "is_loopback",
    "load_settings",
    "require_allowed_target",
]
