"""The flag: which share of the requests the rewrite serves, and what a single request may force."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

_BOOLEAN = TypeAdapter(bool)
_SWITCH = {"true": True, "false": False}


class FlagError(Exception):
    """The flag is set to something that is no flag; the text says what, where and what is valid."""


def read_percent(text: str) -> int:
    """A whole number from 0 to 100. Raises FlagError for everything else, `12.5`, `+10` and the empty text included."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100:
        return int(text)
    raise FlagError(f"ROLLOUT_PERCENT is {text!r}: give a whole number from 0 to 100")


@dataclass(frozen=True, slots=True)
class FlagSettings:
    """What the environment says. A change takes a restart."""

    on: bool
    percent: int

    @classmethod
    def read(cls, environment: Mapping[str, str], percent: Callable[[str], int] = read_percent) -> FlagSettings:
        """USE_DOMAIN_SERVICE (default false) and ROLLOUT_PERCENT (unset: 100). Raises FlagError."""
        switch = environment.get("USE_DOMAIN_SERVICE", "false")
        if switch.lower() not in _SWITCH:
            raise FlagError(f"USE_DOMAIN_SERVICE is {switch!r}: give true or false")
        return cls(_SWITCH[switch.lower()], percent(environment.get("ROLLOUT_PERCENT", "100")))

    @property
    def effective_percent(self) -> int:
        """The percent that is in force: 0 while the flag is off."""
        return self.percent if self.on else 0


class Flag:
    """Draws the implementation of each request anew."""

    def __init__(self, settings: FlagSettings, seed: int) -> None:
        self.settings = settings
        self.draw = random.Random(seed)  # noqa: S311 - routing, no cryptography

    def wants_domain(self, forced: bool | None) -> bool:
        """True when the rewrite shall serve. What the request forces wins over flag and percent, both ways."""
        return self.drawn() if forced is None else forced

    def drawn(self) -> bool:
        """The choice for a request that forces nothing."""
        return self.draw.random() * 100 < self.settings.effective_percent


def forced_choice(values: list[str]) -> bool | None:
    """What the query's `force_domain` values mean, as FastAPI reads a boolean: the last one counts.

    None when there is none, and when it is no boolean: then the flag chooses, and the implementation answers 422.
    """
    if not values:
        return None
    try:
        return _BOOLEAN.validate_python(values[-1])
    except ValidationError:
        return None
