"""The backend put together from parts that can be replaced: stores, implementations, flag, routing, monitoring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, Engine

from verification.reference.camera_file import CameraFile
from verification.reference.camera_log import CameraLogs
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.database import CameraMirror, open_database
from verification.reference.devices import Devices
from verification.reference.domain import build_domain, build_services
from verification.reference.domain.services import Services
from verification.reference.flag import Flag, FlagSettings
from verification.reference.legacy import build_legacy
from verification.reference.metrics import Metrics
from verification.reference.monitoring import Monitoring, build_monitoring
from verification.reference.routing import PREFIX, Router
from verification.reference.witness import Implementation


@dataclass(slots=True)
class Backend:
    """All parts. A seeded defect replaces one of them before the first request; the parts themselves stay honest."""

    state_dir: Path
    seed: int
    engine: Engine
    file: CameraFile
    mirror: CameraMirror
    runtime: CameraRuntime
    devices: Devices
    services: Services
    legacy: Implementation
    domain: Implementation
    metrics: Metrics
    monitoring: Monitoring
    router: Router
    background: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    """What runs beside the requests, from the start to the end."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self) -> None:
        """Start what runs in the background."""
        self._tasks = [asyncio.create_task(work()) for work in self.background]

    async def close(self) -> None:
        """Stop the background and every camera, and let go of the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.runtime.close()
        self.engine.dispose()


def default_database(state_dir: Path) -> URL:
    """SQLite beside the rest of the state."""
    return URL.create("sqlite", database=str(state_dir / "backend.sqlite3"))


def build_backend(
    state_dir: Path,
    settings: FlagSettings,
    *,
    seed: int,
    device_scale: float = 1.0,
    database: URL | None = None,
    installs: Sequence[Callable[[Backend], None]] = (),
) -> Backend:
    """Put a backend together over a folder that holds its state, and a database of its own in there unless one is
    given. `installs` (seeded defects, a shape) replace parts of it, in order.

    Raises CameraFileError, OSError, DatabaseError and SQLAlchemyError when the state cannot be used.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    engine = open_database(database or default_database(state_dir))
    file, mirror = CameraFile(state_dir / "cameras.yaml"), CameraMirror(engine)
    mirror.reconcile(file.records())
    runtime, devices, metrics = CameraRuntime(CameraLogs(state_dir / "logs")), Devices(seed, device_scale), Metrics()
    services = build_services(engine, file, mirror, runtime)
    legacy = build_legacy(engine, file, mirror, runtime, devices, PREFIX)
    domain = build_domain(services, devices, PREFIX)
    monitoring = Monitoring(engine, file, mirror, metrics)
    # The flag draws from a stream of its own, so that who serves does not depend on how long the devices took.
    router = Router(Flag(settings, seed + 1), legacy, domain, build_monitoring(monitoring), metrics)
    backend = Backend(
        state_dir, seed, engine, file, mirror, runtime, devices, services, legacy, domain, metrics, monitoring, router
    )
    for install in installs:
        install(backend)
    return backend
