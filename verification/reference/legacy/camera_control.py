"""Running cameras in the old implementation: start, stop, restart, status, statistics and logs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from verification.reference.camera_file import CameraFile, find
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.devices import Devices


class BatchRequest(BaseModel):
    """Body of batch-status; without ids it asks for every camera."""

    camera_ids: list[str] | None = None


def _average(values: list[float]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def camera_control_routes(  # noqa: C901 - one closure for each route
    file: CameraFile, runtime: CameraRuntime, devices: Devices
) -> APIRouter:
    """The routes that start, stop and watch cameras."""
    router = APIRouter()

    def require_startable(camera_id: str) -> dict[str, Any]:
        camera = find(file.load(), camera_id)
        if camera is None:
            raise HTTPException(400, f"Camera not found: {camera_id}")
        if not camera.get("active", True):
            raise HTTPException(400, f"Camera is not active: {camera_id}")
        return camera

    def start_camera(camera: dict[str, Any]) -> dict[str, Any]:
        camera_id = camera["id"]
        run, is_new = runtime.start(camera_id, str(camera.get("source", "")))
        started = {"ok": True, "running": True, "pid": run.pid, "log": str(runtime.logs.path(camera_id))}
        return {**started, "cmd": list(run.command)} if is_new else started

    def status_of(camera_id: str) -> dict[str, Any]:
        pid = runtime.pid(camera_id)
        return {"ok": True, "running": pid != 0, "pid": pid, "log": str(runtime.logs.path(camera_id))}

    # The literal path stands before the ones with an id.
    @router.post("/cameras/batch-status")
    async def batch_status(request: BatchRequest | None = None) -> JSONResponse:
        await devices.wait("POST /cameras/batch-status")
        asked = request.camera_ids if request else None
        camera_ids = asked or [camera["id"] for camera in file.records()]
        return JSONResponse({camera_id: status_of(camera_id) for camera_id in camera_ids})

    @router.post("/cameras/{camera_id}/start")
    async def start(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/start")
        return JSONResponse(start_camera(require_startable(camera_id)))

    @router.post("/cameras/{camera_id}/stop")
    async def stop(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/stop")
        runtime.stop(camera_id)
        return JSONResponse({"ok": True, "running": False})

    @router.post("/cameras/{camera_id}/restart")
    async def restart(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/restart")
        camera = require_startable(camera_id)
        runtime.stop(camera_id)
        return JSONResponse(start_camera(camera))

    @router.get("/cameras/{camera_id}/status")
    async def status(camera_id: str) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/status")
        return JSONResponse(status_of(camera_id))

    @router.get("/cameras/{camera_id}/stats")
    async def stats(camera_id: str) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/stats")
        frames = runtime.logs.frames(camera_id)
        pid = runtime.pid(camera_id)
        counted = {
            "total_frames": sum(line.frame for line in frames[-1:]),
            "processed_frames": sum(line.processed for line in frames[-1:]),
            "detected_persons": sum(line.persons for line in frames),
            "detected_hairnets": sum(line.hairnets for line in frames),
            "detected_handwash": sum(line.handwash for line in frames),
            "avg_fps": _average([line.fps for line in frames]),
            "avg_detection_time": _average([line.detection_s for line in frames]),
            "last_detection_time": frames[-1].detection_s if frames else None,
        }
        log_file = str(runtime.logs.path(camera_id))
        answer = {"camera_id": camera_id, "running": pid != 0, "pid": pid, "log_file": log_file, "stats": counted}
        return JSONResponse(answer)

    @router.get("/cameras/{camera_id}/logs")
    async def logs(camera_id: str, lines: int = 100) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/logs")
        answer: dict[str, Any] = {"camera_id": camera_id, "log_file": str(runtime.logs.path(camera_id))}
        found = runtime.logs.read(camera_id)
        if found is None:
            return JSONResponse({**answer, "total_lines": 0, "lines": [], "message": "Log file does not exist yet"})
        wanted = found[-lines:] if lines > 0 else found
        return JSONResponse({**answer, "total_lines": len(found), "lines": wanted})

    return router
