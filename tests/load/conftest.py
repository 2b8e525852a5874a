"""A tiny backend for each test, ended with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.staging import StartBackend

BACKEND = Path(__file__).with_name("tiny_backend.py")


@pytest.fixture
def started() -> list[subprocess.Popen[str]]:
    return []


@pytest.fixture
def start_backend(started: list[subprocess.Popen[str]]) -> Iterator[StartBackend]:

    def start(*options: str) -> str:
        backend = subprocess.Popen([sys.executable, BACKEND, *options], stdout=subprocess.PIPE, text=True)
        started.append(backend)
        assert backend.stdout is not None
        return f"http://127.0.0.1:{int(backend.stdout.readline())}"

    yield start
    for backend in started:
        backend.kill()
        backend.wait()
        assert backend.stdout is not None
        backend.stdout.close()
