"""A backend that tells who served, at 0 %, with a few cameras on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.deployment import Deployment, deployed
from tests.rollout.releasing import ask

TELLING = ("--shape", "telling", "--device-scale", "0.5")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path / "state", *TELLING, percent=0) as deployment:
        for number in range(3):
            camera = {"id": f"cam-{number}", "name": "Gate", "source": "rtsp://somewhere/1"}
            ask(deployment, "POST", "/api/v1/cameras?force_domain=false", camera)
        yield deployment
