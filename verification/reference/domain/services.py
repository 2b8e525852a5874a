"""The rewrite's services: what can be done with cameras and alert rules. They know entities, no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verification.reference.camera_log import CameraLogs, FrameLine
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.domain.entities import AlertRule, Camera
from verification.reference.domain.repositories import AlertRuleRepository, CameraRepository


@dataclass(frozen=True, slots=True)
class Started:
    """A camera that runs; `command` is None when it was running before."""

    pid: int
    log: str
    command: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a camera runs; `pid` is 0 when it does not."""

    pid: int
    log: str

    @property
    def running(self) -> bool:
        """True while there is a run."""
        return self.pid != 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a camera's log adds up to; durations in seconds."""

    total_frames: int
    processed_frames: int
    detected_persons: int
    detected_hairnets: int
    detected_handwash: int
    avg_fps: float
    avg_detection_time: float
    last_detection_time: float | None

    @classmethod
    def of(cls, frames: list[FrameLine]) -> Statistics:
        """Add up the lines of a log; without lines everything is 0 and nothing was detected last."""
        if not frames:
            return cls(0, 0, 0, 0, 0, 0.0, 0.0, None)
        last = frames[-1]
        return cls(
            total_frames=last.frame,
            processed_frames=last.processed,
            detected_persons=sum(frame.persons for frame in frames),
            detected_hairnets=sum(frame.hairnets for frame in frames),
            detected_handwash=sum(frame.handwash for frame in frames),
            avg_fps=_average([frame.fps for frame in frames]),
            avg_detection_time=_average([frame.detection_s for frame in frames]),
            last_detection_time=last.detection_s,
        )


def _average(values: list[float]) -> float:
    return round(sum(values) / len(values), 3)


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """The end of a camera's log; `total` is None where there is no file yet."""

    path: str
    total: int | None
    lines: list[str]


class CameraService:
    """Everything that can be done with cameras."""

    def __init__(self, cameras: CameraRepository, runtime: CameraRuntime, logs: CameraLogs) -> None:
        self.cameras, self.runtime, self.logs = cameras, runtime, logs

    def all(self) -> list[Camera]:
        """Every camera."""
        return self.cameras.all()

    async def create(self, values: Mapping[str, Any]) -> Camera:
        """Add a camera. Raises InvalidValue and CameraExists."""
        camera = Camera.create(values)
        await self.cameras.add(camera)
        return camera

    async def update(self, camera_id: str, values: Mapping[str, Any]) -> None:
        """Merge fields into a camera. Raises InvalidValue and CameraUnknown."""
        # The values are judged before the camera is looked for: the old implementation answers in that order.
        Camera({"id": camera_id}).merge(values)
        await self.cameras.change(camera_id, lambda camera: camera.merge(values))

    async def delete(self, camera_id: str) -> None:
        """Stop and forget a camera. Raises CameraUnknown."""
        await self.cameras.remove(camera_id)
        self.runtime.stop(camera_id)
        self.logs.remove(camera_id)

    async def activate(self, camera_id: str) -> None:
        """Allow a camera to run. Raises CameraUnknown."""
        await self.cameras.change(camera_id, Camera.activate)

    async def deactivate(self, camera_id: str) -> bool:
        """Forbid a camera to run and stop it; returns whether it was running. Raises CameraUnknown."""
        await self.cameras.change(camera_id, Camera.deactivate)
        return self.runtime.stop(camera_id)

    async def set_auto_start(self, camera_id: str, *, auto_start: bool) -> None:
        """Choose whether a camera starts by itself. Raises CameraUnknown and CameraInactive."""
        await self.cameras.change(camera_id, lambda camera: camera.set_auto_start(auto_start))

    async def refresh(self) -> int:
        """Read the cameras anew and bring the mirror up to them; returns how many there are."""
        return await self.cameras.reconcile()

    def start(self, camera_id: str) -> Started:
        """Start a camera, or leave it running. Raises CameraUnknown and CameraInactive."""
        return self._start(self._startable(camera_id))

    def restart(self, camera_id: str) -> Started:
        """Stop a camera and start it anew. Raises CameraUnknown and CameraInactive, then it goes on as it was."""
        camera = self._startable(camera_id)
        self.runtime.stop(camera_id)
        return self._start(camera)

    def stop(self, camera_id: str) -> None:
        """Stop a camera; one that does not run or does not exist is stopped already."""
        self.runtime.stop(camera_id)

    def status(self, camera_id: str) -> Status:
        """Whether a camera runs, of unknown ids too."""
        return Status(self.runtime.pid(camera_id), str(self.logs.path(camera_id)))

    def statuses(self, camera_ids: list[str]) -> dict[str, Status]:
        """The status of each of these cameras; of all when none is named."""
        return {key: self.status(key) for key in camera_ids or [camera.id for camera in self.all()]}

    def statistics(self, camera_id: str) -> Statistics:
        """What the camera's log adds up to."""
        return Statistics.of(self.logs.frames(camera_id))

    def log(self, camera_id: str, lines: int) -> LogExcerpt:
        """The last lines of the camera's log; 0 and less ask for all."""
        path, found = str(self.logs.path(camera_id)), self.logs.read(camera_id)
        if found is None:
            return LogExcerpt(path, None, [])
        return LogExcerpt(path, len(found), found[-lines:] if lines > 0 else found)

    def _startable(self, camera_id: str) -> Camera:
        camera = self.cameras.get(camera_id)
        camera.require_active()
        return camera

    def _start(self, camera: Camera) -> Started:
        run, is_new = self.runtime.start(camera.id, camera.source)
        return Started(run.pid, str(self.logs.path(camera.id)), run.command if is_new else None)


class AlertRuleService:
    """Everything that can be done with alert rules."""

    def __init__(self, rules: AlertRuleRepository) -> None:
        self.rules = rules

    def create(self, values: Mapping[str, Any]) -> int:
        """Add a rule; returns its id. Raises InvalidValue."""
        return self.rules.add(AlertRule.create(values))

    def update(self, rule_id: int, values: Mapping[str, Any]) -> None:
        """Change those of the given fields that can change; unknown ids change nothing. Raises InvalidValue."""
        self.rules.change(rule_id, AlertRule.check_changes(values))

    def find(self, camera_id: str | None, *, enabled: bool | None) -> list[AlertRule]:
        """The rules that fit, newest change first."""
        return self.rules.find(camera_id, enabled=enabled)


@dataclass(slots=True)
class Services:
    """What the rewrite's routes call. The routes look here at every request, so that a part can be replaced."""

    cameras: CameraService
    rules: AlertRuleService
