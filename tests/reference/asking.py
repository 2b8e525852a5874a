"""A backend inside the test's own process, asked without a socket and without simulated waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy.engine import URL

from verification.reference.backend import Backend, build_backend
from verification.reference.defects import DEFECTS
from verification.reference.flag import FlagSettings
from verification.reference.shape import DEFAULT_SHAPE, SHAPES

ARMS = ("legacy", "domain")
T = TypeVar("T")


@dataclass
class _Database:
    """Which database belongs to a folder of state; tests/postgresql puts PostgreSQL here."""

    of: Callable[[Path], URL | None]


DATABASE = _Database(lambda _: None)


class Asker:
    """Asks one backend."""

    def __init__(self, backend: Backend, client: httpx.AsyncClient) -> None:
        self.backend, self._client = backend, client

    async def ask(self, method: str, path: str, arm: str | None = None, **options: Any) -> httpx.Response:
        """One request below the prefix, forced to an arm or left to the flag."""
        if arm is not None:
            path += ("&" if "?" in path else "?") + f"force_domain={'true' if arm == 'domain' else 'false'}"
        return await self._client.request(method, f"/api/v1{path}", **options)

    async def make_camera(self, camera_id: str, **fields: Any) -> None:
        """A new camera, through the old implementation."""
        values = {"id": camera_id, "name": "Oven", "source": "rtsp://127.0.0.1/oven", **fields}
        assert (await self.ask("POST", "/cameras", "legacy", json=values)).status_code == 200

    async def camera(self, camera_id: str, arm: str = "legacy") -> dict[str, Any]:
        """One camera of the list."""
        cameras = (await self.ask("GET", "/cameras", arm)).json()["cameras"]
        return next(camera for camera in cameras if camera["id"] == camera_id)


def converse(
    state_dir: Path,
    talk: Callable[[Asker], Awaitable[T]],
    *,
    defect: str | None = None,
    percent: int = 50,
    seed: int = 7,
    device_scale: float = 0.0,
    shape: str = DEFAULT_SHAPE,
) -> T:
    """Build a backend, let `talk` ask it, and close it again."""

    async def run() -> T:
        backend = build_backend(
            state_dir,
            FlagSettings(on=percent > 0, percent=percent),
            seed=seed,
            device_scale=device_scale,
            database=DATABASE.of(state_dir),
            installs=[*([DEFECTS[defect].install] if defect else []), *SHAPES[shape].installs],
        )
        await backend.open()
        transport = httpx.ASGITransport(app=backend.router)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://reference") as client:
                return await talk(Asker(backend, client))
        finally:
            await backend.close()

    return asyncio.run(run())
