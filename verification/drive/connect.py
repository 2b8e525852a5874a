"""Opens what sends requests as the settings say: routing, witness, time limits, certificates, authentication, pace."""

from __future__ import annotations

from collections.abc import Callable

from verification.core.model import Exchange
from verification.core.redact import Redactor
from verification.drive.caller import Caller
from verification.drive.pace import pace_of
from verification.settings import Settings
from verification.settings.authentication import authentication


def connect(
    settings: Settings,
    base_url: str,
    redactor: Redactor,
    *,
    longest_s: float | None = None,
    hear: Callable[[Exchange], None] | None = None,
) -> Caller:
    """A caller for the target at `base_url`. SettingsError where the authentication cannot be had."""
    target = settings.target
    return Caller(
        base_url,
        redactor,
        timeout_s=target.timeout_s,
        max_body_bytes=target.max_body_bytes,
        witness=settings.first_witness,
        routing=settings.routing,
        headers=authentication(target.authentication),
        ca_file=target.ca_file,
        pace=pace_of(settings),
        longest_s=longest_s,
        hear=hear,
    )
