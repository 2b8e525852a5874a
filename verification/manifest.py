"""What a run says about itself before it asks anything: versions, host, commit, and the evidence that it owes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.model import Json
from verification.core.records import Manifest
from verification.core.redact import redact_text

SCHEMA = "release-gate-evidence/1"
_PACKAGES = ("release-gate", "deepdiff", "fastapi", "httpx", "locust", "numpy", "pytest", "pytest-xdist", "scipy")


def new_manifest(
    run_id: str,
    *,
    seed: int,
    target: str,
    owned: bool,
    stages: tuple[int, ...],
    quick: bool,
    expected: tuple[str, ...],
    omitted: Mapping[str, str],
    repetitions: int = 1,
    routing: Routing = DEFAULT_ROUTING,
) -> Manifest:
    """The manifest of a run that starts now; target and command line are redacted."""
    return Manifest(
        schema=SCHEMA,
        run_id=run_id,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        target=redact_text(target),
        owned=owned,
        stages=stages,
        quick=quick,
        expected=expected,
        omitted=omitted,
        versions=_versions(),
        host=_host(),
        commit=_commit(),
        repetitions=repetitions,
        routing=redacted_routing(routing),
        # Drawn and not seeded: two runs with one seed may meet on one target.
        tag=secrets.token_hex(4),
        command=tuple(redact_text(word) for word in (Path(sys.argv[0]).name, *sys.argv[1:])),
    )


def redacted_routing(routing: Routing) -> Routing:
    """The routing as a manifest tells it."""
    return replace(routing, control=redact_text(routing.control), candidate=redact_text(routing.candidate))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _host() -> dict[str, Json]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count(), "load_average": load}


def _commit() -> str | None:
    """The suite's own commit, where it runs from a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607  # whichever git the person uses
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
