"""The reference backend as a process of its own, as the suite starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

LONGEST_S = 20


def command(*options: str) -> list[str]:
    """The command line that starts it."""
    return [sys.executable, "-m", "verification.reference", *options]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with flag and database as given, and nothing else of these."""
    own = ("USE_DOMAIN_SERVICE", "ROLLOUT_PERCENT", "DATABASE_URL")
    kept = {key: value for key, value in os.environ.items() if key not in own}
    return {**kept, **variables}


@dataclass(frozen=True, slots=True)
class Running:
    """A backend that said it is ready."""

    process: subprocess.Popen[str]
    client: httpx.Client


@contextmanager
def running(*options: str, **variables: str) -> Iterator[Running]:
    """Start a backend on a free port; end it by ending its standard input."""
    process = subprocess.Popen(
        command("--exit-with-stdin", "--device-scale", "0", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(**variables),
    )
    with process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with httpx.Client(base_url=f"http://127.0.0.1:{ready['port']}", timeout=LONGEST_S) as client:
                yield Running(process, client)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(LONGEST_S)
