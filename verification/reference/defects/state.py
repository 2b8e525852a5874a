"""Defects of what a request leaves behind: lost, added or changed data, races, and data that only one arm can read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Row

from verification.reference.backend import Backend
from verification.reference.camera_file import Record, find
from verification.reference.database import CameraMirror
from verification.reference.defects.interception import Install
from verification.reference.defects.registry import Defect
from verification.reference.domain.entities import AlertRule, Camera, CameraUnknown
from verification.reference.domain.repositories import AlertRuleRepository, CameraRepository
from verification.reference.domain.services import CameraService, LogExcerpt

ACTIVATE = "POST /cameras/{id}/activate"
DEACTIVATE = "POST /cameras/{id}/deactivate"
AUTO_START = "PUT /cameras/{id}/auto-start"
LOGS = "GET /cameras/{id}/logs"


def with_service(service: type[CameraService]) -> Install:
    """A defect that puts another camera service in the honest one's place."""

    def install(backend: Backend) -> None:
        honest = backend.services.cameras
        backend.services.cameras = service(honest.cameras, honest.runtime, honest.logs)

    return install


def with_repository(repository: type[CameraRepository]) -> Install:
    """A defect that puts another camera repository in the honest one's place."""

    def install(backend: Backend) -> None:
        backend.services.cameras.cameras = repository(backend.file, backend.mirror)

    return install


class _Forgetful(CameraService):
    async def activate(self, camera_id: str) -> None:
        self.cameras.get(camera_id).activate()


class _LosesNewestLine(CameraService):
    def log(self, camera_id: str, lines: int) -> LogExcerpt:
        excerpt = super().log(camera_id, lines)
        return LogExcerpt(excerpt.path, excerpt.total, excerpt.lines[:-1])


class _AutoStartsInactive(CameraService):
    async def set_auto_start(self, camera_id: str, *, auto_start: bool) -> None:
        await self.cameras.change(camera_id, lambda camera: camera.record.update(auto_start=auto_start))


class _ValidatesLate(CameraService):
    async def set_auto_start(self, camera_id: str, *, auto_start: bool) -> None:
        camera = await self.cameras.change(camera_id, lambda camera: camera.record.update(auto_start=auto_start))
        camera.require_active()


class _LeavesRunning(CameraService):
    async def deactivate(self, camera_id: str) -> bool:
        await self.cameras.change(camera_id, Camera.deactivate)
        return self.runtime.pid(camera_id) != 0


class _AutoStartsEverything(CameraService):
    async def set_auto_start(self, camera_id: str, *, auto_start: bool) -> None:
        await super().set_auto_start(camera_id, auto_start=auto_start)
        file = self.cameras.file
        async with file.lock:
            document = file.load()
            for record in document["cameras"]:
                record["auto_start"] = auto_start
            file.save(document)
            self.cameras.mirror.reconcile(document["cameras"])


class _NarrowRepository(CameraRepository):
    """Writes back what its own model of a camera knows."""

    KNOWN = frozenset({"id", "source", "active", "auto_start"})

    async def change(self, camera_id: str, change: Callable[[Camera], None]) -> Camera:
        def change_and_forget(camera: Camera) -> None:
            change(camera)
            for key in camera.record.keys() - self.KNOWN:
                del camera.record[key]

        return await super().change(camera_id, change_and_forget)


class _RacyRepository(CameraRepository):
    """Reads, takes its time, and writes the whole document back, without the lock."""

    PAUSE_S = 0.02

    async def change(self, camera_id: str, change: Callable[[Camera], None]) -> Camera:
        document = self.file.load()
        record = find(document, camera_id)
        if record is None:
            raise CameraUnknown(f"No camera has the id {camera_id}")
        camera = Camera(record)
        change(camera)
        await asyncio.sleep(self.PAUSE_S)
        self.file.save(document)
        self.mirror.put(record)
        return camera


class _WordyRepository(CameraRepository):
    """Keeps auto_start as a word, which it understands itself; to the old code both words are true."""

    WORDS = {True: "on", False: "off"}  # noqa: RUF012 - never changed
    MEANINGS = {"on": True, "off": False}  # noqa: RUF012 - never changed

    def all(self) -> list[Camera]:
        return [self._understood(camera) for camera in super().all()]

    def get(self, camera_id: str) -> Camera:
        return self._understood(super().get(camera_id))

    async def change(self, camera_id: str, change: Callable[[Camera], None]) -> Camera:
        def change_and_word(camera: Camera) -> None:
            change(self._understood(camera))
            if isinstance(camera.record.get("auto_start"), bool):
                camera.record["auto_start"] = self.WORDS[camera.record["auto_start"]]

        return await super().change(camera_id, change_and_word)

    def _understood(self, camera: Camera) -> Camera:
        word = camera.record.get("auto_start")
        if isinstance(word, str):
            camera.record["auto_start"] = self.MEANINGS.get(word, False)
        return camera


class _DoublyEncoding(AlertRuleRepository):
    """Keeps channels as JSON within JSON, which it unpacks itself; the old code reads a text where a list was."""

    def encode(self, values: dict[str, Any]) -> dict[str, Any]:
        encoded = super().encode(values)
        if "notification_channels" in encoded:
            encoded["notification_channels"] = json.dumps(encoded["notification_channels"])
        return encoded

    def decode(self, row: Row[Any]) -> AlertRule:
        rule = super().decode(row)
        channels: Any = rule.notification_channels
        if isinstance(channels, str):
            rule.notification_channels = json.loads(channels)
        return rule


class _MisfilingMirror(CameraMirror):
    """Files cameras under another key than everybody else."""

    def put(self, record: Record) -> None:
        super().put({**record, "id": f"camera/{record['id']}"})


def _encode_doubly(backend: Backend) -> None:
    backend.services.rules.rules = _DoublyEncoding(backend.engine)


def _misfile(backend: Backend) -> None:
    backend.services.cameras.cameras.mirror = _MisfilingMirror(backend.engine)


STATE_DEFECTS = (
    Defect(
        name="write-not-kept",
        kind="state",
        wrong="activate answers ok and keeps nothing",
        sufferer="an operator whose camera is still off",
        check="state.changed",
        verdict="ROLLBACK",
        endpoint=ACTIVATE,
        install=with_service(_Forgetful),
    ),
    Defect(
        name="write-drops-fields",
        kind="state",
        wrong="every change of a camera drops its name and all fields that the rewrite does not know",
        sufferer="whoever wrote those fields, after the first click",
        check="state.changed",
        verdict="ROLLBACK",
        install=with_repository(_NarrowRepository),
    ),
    Defect(
        name="neighbours-changed",
        kind="state",
        wrong="auto-start sets every camera's auto_start, not one's",
        sufferer="all sites, at the next start of the machine",
        check="state.changed",
        verdict="ROLLBACK",
        endpoint=AUTO_START,
        install=with_service(_AutoStartsEverything),
    ),
    Defect(
        name="deactivate-leaves-running",
        kind="state",
        wrong="deactivate answers stopped and leaves the camera running",
        sufferer="people who are filmed by a camera that is off",
        check="state.changed",
        verdict="ROLLBACK",
        endpoint=DEACTIVATE,
        install=with_service(_LeavesRunning),
    ),
    Defect(
        name="write-before-validation",
        kind="state",
        wrong="auto-start on an inactive camera is written and then refused",
        sufferer="an operator whose refused change comes true later",
        check="state.changed",
        verdict="ROLLBACK",
        endpoint=AUTO_START,
        install=with_service(_ValidatesLate),
    ),
    Defect(
        name="auto-start-on-inactive",
        kind="response",
        wrong="auto-start on an inactive camera is allowed (200 instead of 400)",
        sufferer="people who are filmed by a camera that was switched off",
        check="parity.status",
        verdict="ROLLBACK",
        endpoint=AUTO_START,
        install=with_service(_AutoStartsInactive),
    ),
    Defect(
        name="lines-off-by-one",
        kind="response",
        wrong="logs leave out the newest line",
        sufferer="whoever looks for the last thing that happened",
        check="parity.body",
        verdict="ROLLBACK",
        endpoint=LOGS,
        install=with_service(_LosesNewestLine),
    ),
    Defect(
        name="lost-update",
        kind="concurrency",
        wrong="camera changes are read, changed and written back without the lock",
        sufferer="two operators at the same time: one change is gone, both were told ok",
        check="race.lost-update",
        verdict="ROLLBACK",
        install=with_repository(_RacyRepository),
    ),
    Defect(
        name="unreadable-by-legacy",
        kind="state",
        wrong="an alert rule's channels are stored in a form that the old code reads as a text",
        sufferer="everybody after a rollback: alerts go nowhere",
        check="cross.read",
        verdict="ROLLBACK",
        install=_encode_doubly,
    ),
    Defect(
        name="misread-by-legacy",
        kind="state",
        wrong="auto_start is stored as the word on or off, which the old code takes for true both times",
        sufferer="everybody after a rollback: cameras start that must not",
        check="cross.read",
        verdict="ROLLBACK",
        install=with_repository(_WordyRepository),
    ),
    Defect(
        name="data-inconsistent",
        kind="monitoring",
        wrong="camera changes are mirrored under a wrong key, so that file and database part",
        sufferer="services that query the database",
        check="monitoring.consistency",
        verdict="ROLLBACK",
        install=_misfile,
    ),
)
