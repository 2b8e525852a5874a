"""The rewrite's routes: HTTP in, a service's method, HTTP out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from verification.reference.database import now
from verification.reference.devices import Devices
from verification.reference.domain.entities import (
    CameraExists,
    CameraInactive,
    CameraUnknown,
    DomainError,
    InvalidValue,
)
from verification.reference.domain.presentation import (
    present_log,
    present_rule,
    present_started,
    present_statistics,
    present_status,
)
from verification.reference.domain.services import Services, Started

_STATUS_CODES: dict[type[DomainError], int] = {
    CameraUnknown: 404,
    CameraExists: 409,
    CameraInactive: 400,
    InvalidValue: 400,
}


class StatusQuery(BaseModel):
    """The cameras whose status is wanted; none means all."""

    camera_ids: list[str] | None = None


def answer_domain_errors(app: FastAPI) -> None:
    """Turn what the domain refuses into an answer."""

    def handler(status_code: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
        async def refuse(_request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"detail": str(error)}, status_code=status_code)

        return refuse

    for kind, status_code in _STATUS_CODES.items():
        app.add_exception_handler(kind, handler(status_code))


def alert_rule_routes(services: Services, devices: Devices) -> APIRouter:
    """The routes of alert rules."""
    router = APIRouter()

    @router.post("/alerts/rules")
    async def create_rule(rule: Annotated[dict[str, Any], Body()]) -> JSONResponse:
        await devices.wait("POST /alerts/rules")
        return JSONResponse({"ok": True, "id": services.rules.create(rule)})

    @router.put("/alerts/rules/{rule_id}")
    async def update_rule(
        rule_id: Annotated[int, Path(ge=1)], changes: Annotated[dict[str, Any] | None, Body()] = None
    ) -> JSONResponse:
        await devices.wait("PUT /alerts/rules/{rule_id}")
        services.rules.update(rule_id, changes or {})
        return JSONResponse({"ok": True})

    @router.get("/alerts/rules")
    async def list_rules(camera_id: str | None = None, enabled: bool | None = None) -> JSONResponse:
        rules = services.rules.find(camera_id, enabled=enabled)
        return JSONResponse({"count": len(rules), "items": [present_rule(rule) for rule in rules]})

    return router


def camera_list_routes(services: Services, devices: Devices) -> APIRouter:
    """The routes that read and change the camera list."""
    router = APIRouter()

    @router.get("/cameras")
    async def list_cameras() -> JSONResponse:
        return JSONResponse({"cameras": [camera.record for camera in services.cameras.all()]})

    @router.post("/cameras")
    async def create_camera(camera: Annotated[dict[str, Any], Body()]) -> JSONResponse:
        created = await services.cameras.create(camera)
        return JSONResponse({"ok": True, "camera": created.record})

    # Before the routes with an id, which would take `refresh` for one.
    @router.post("/cameras/refresh")
    async def refresh() -> JSONResponse:
        await devices.wait("POST /cameras/refresh")
        count = await services.cameras.refresh()
        return JSONResponse({"status": "success", "message": f"{count} cameras are up to date", "timestamp": now()})

    @router.put("/cameras/{camera_id}")
    async def update_camera(camera_id: str, changes: Annotated[dict[str, Any], Body()]) -> JSONResponse:
        await services.cameras.update(camera_id, changes)
        return JSONResponse({"status": "success"})

    @router.delete("/cameras/{camera_id}")
    async def delete_camera(camera_id: str) -> JSONResponse:
        await services.cameras.delete(camera_id)
        return JSONResponse({"status": "success"})

    @router.post("/cameras/{camera_id}/activate")
    async def activate(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/activate")
        await services.cameras.activate(camera_id)
        return JSONResponse({"ok": True, "camera_id": camera_id, "active": True})

    @router.post("/cameras/{camera_id}/deactivate")
    async def deactivate(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/deactivate")
        stopped = await services.cameras.deactivate(camera_id)
        return JSONResponse({"ok": True, "camera_id": camera_id, "active": False, "stopped": stopped})

    @router.put("/cameras/{camera_id}/auto-start")
    async def set_auto_start(camera_id: str, auto_start: bool) -> JSONResponse:
        await devices.wait("PUT /cameras/{id}/auto-start")
        await services.cameras.set_auto_start(camera_id, auto_start=auto_start)
        return JSONResponse({"ok": True, "camera_id": camera_id, "auto_start": auto_start})

    return router


def camera_run_routes(services: Services, devices: Devices) -> APIRouter:
    """The routes that start, stop and watch cameras."""
    router = APIRouter()

    # Before the routes with an id, which would take `batch-status` for one.
    @router.post("/cameras/batch-status")
    async def batch_status(query: StatusQuery | None = None) -> JSONResponse:
        await devices.wait("POST /cameras/batch-status")
        statuses = services.cameras.statuses((query.camera_ids if query else None) or [])
        return JSONResponse({camera_id: present_status(status) for camera_id, status in statuses.items()})

    @router.post("/cameras/{camera_id}/start")
    async def start(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/start")
        return _started_or_refused(lambda: services.cameras.start(camera_id))

    @router.post("/cameras/{camera_id}/stop")
    async def stop(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/stop")
        services.cameras.stop(camera_id)
        return JSONResponse({"ok": True, "running": False})

    @router.post("/cameras/{camera_id}/restart")
    async def restart(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/restart")
        return _started_or_refused(lambda: services.cameras.restart(camera_id))

    @router.get("/cameras/{camera_id}/status")
    async def status(camera_id: str) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/status")
        return JSONResponse(present_status(services.cameras.status(camera_id)))

    @router.get("/cameras/{camera_id}/stats")
    async def stats(camera_id: str) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/stats")
        status = services.cameras.status(camera_id)
        return JSONResponse(present_statistics(camera_id, status, services.cameras.statistics(camera_id)))

    @router.get("/cameras/{camera_id}/logs")
    async def logs(camera_id: str, lines: int = 100) -> JSONResponse:
        await devices.wait("GET /cameras/{id}/logs")
        return JSONResponse(present_log(camera_id, services.cameras.log(camera_id, lines)))

    return router


def _started_or_refused(start: Callable[[], Started]) -> JSONResponse:
    """A camera that is unknown is a wrong request here (400), not a missing page."""
    try:
        return JSONResponse(present_started(start()))
    except CameraUnknown as error:
        return JSONResponse({"detail": str(error)}, status_code=400)
