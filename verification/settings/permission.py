"""What a run may do to the target that its settings name."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from verification.core.errors import PermissionNeeded, UsageError
from verification.settings.model import Settings


def is_loopback(url: str) -> bool:
    """True when the URL names this machine."""
    name = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def require_allowed_target(settings: Settings) -> None:
    """Refuse writes to a host that is not this machine unless they were allowed by name."""
    run = settings.run
    if not settings.is_embedded and run.allow_percent_change and not settings.may_change_percent:
        if settings.percent.command:
            raise UsageError("--allow-percent-change: percent.command restarts the backend; add --allow-restart.")
        raise UsageError(
            "--allow-percent-change: nothing says how the percent of a named backend is set. Name percent.command (for "
            'example ["./start_rollout.sh", "{percent}"], with --allow-restart), percent.http or percent.file.'
        )
    if run.allow_writes:
        return
    for url in settings.target.urls:
        host = urlsplit(url).hostname or ""
        if not is_loopback(url):
            raise PermissionNeeded(
                f"--target {host}: the gate creates, changes and deletes what the catalog says there, and {host} is "
                "not this machine. If that is what you want, add --allow-writes."
            )
