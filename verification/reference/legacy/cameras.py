"""The camera list of the old implementation: read the YAML file, change it, write it back."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from fastapi.responses import JSONResponse

from verification.reference.camera_file import CameraFile, find
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.database import CameraMirror, now
from verification.reference.devices import Devices

Payload = dict[str, Any]


def _check(payload: Payload) -> None:
    try:
        json.dumps(payload, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"Request body cannot be stored: {error}") from error
    for key in ("id", "name", "source"):
        if key in payload and not isinstance(payload[key], str):
            raise HTTPException(400, f"{key} must be a string")


def _check_id(camera_id: str) -> None:
    if not camera_id or len(camera_id) > 200 or "/" in camera_id or not camera_id.isprintable():
        raise HTTPException(400, "id must be 1 to 200 printable characters without '/'")


def camera_routes(file: CameraFile, mirror: CameraMirror, runtime: CameraRuntime, devices: Devices) -> APIRouter:  # noqa: C901 - one closure for each route
    """The routes that read and write the camera list."""
    router = APIRouter()

    @router.get("/cameras")
    async def list_cameras() -> JSONResponse:
        return JSONResponse({"cameras": file.records()})

    @router.post("/cameras")
    async def create_camera(payload: Annotated[Payload, Body()]) -> JSONResponse:
        for key in ("id", "name", "source"):
            if payload.get(key) is None:
                raise HTTPException(400, f"Missing required field: {key}")
        _check(payload)
        _check_id(payload["id"])
        async with file.lock:
            document = file.load()
            if find(document, payload["id"]) is not None:
                raise HTTPException(409, f"Camera already exists: {payload['id']}")
            document["cameras"].append(payload)
            file.save(document)
            mirror.put(payload)
        return JSONResponse({"ok": True, "camera": payload})

    # The literal path stands before the ones with an id, or `refresh` would be taken for one.
    @router.post("/cameras/refresh")
    async def refresh() -> JSONResponse:
        await devices.wait("POST /cameras/refresh")
        async with file.lock:
            records = file.records()
            mirror.reconcile(records)
        message = f"Refreshed {len(records)} cameras"
        return JSONResponse({"status": "success", "message": message, "timestamp": now()})

    @router.put("/cameras/{camera_id}")
    async def update_camera(camera_id: str, payload: Annotated[Payload, Body()]) -> JSONResponse:
        changes = {key: value for key, value in payload.items() if key != "id"}
        _check(changes)
        async with file.lock:
            document = file.load()
            camera = find(document, camera_id)
            if camera is None:
                raise HTTPException(404, f"Camera not found: {camera_id}")
            camera.update(changes)
            file.save(document)
            mirror.put(camera)
        return JSONResponse({"status": "success"})

    @router.delete("/cameras/{camera_id}")
    async def delete_camera(camera_id: str) -> JSONResponse:
        async with file.lock:
            document = file.load()
            camera = find(document, camera_id)
            if camera is None:
                raise HTTPException(404, f"Camera not found: {camera_id}")
            runtime.stop(camera_id)
            runtime.logs.remove(camera_id)
            document["cameras"].remove(camera)
            file.save(document)
            mirror.remove(camera_id)
        return JSONResponse({"status": "success"})

    @router.post("/cameras/{camera_id}/activate")
    async def activate(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/activate")
        async with file.lock:
            document = file.load()
            camera = find(document, camera_id)
            if camera is None:
                raise HTTPException(404, f"Camera not found: {camera_id}")
            camera["active"] = True
            file.save(document)
            mirror.put(camera)
        return JSONResponse({"ok": True, "camera_id": camera_id, "active": True})

    @router.post("/cameras/{camera_id}/deactivate")
    async def deactivate(camera_id: str) -> JSONResponse:
        await devices.wait("POST /cameras/{id}/deactivate")
        async with file.lock:
            document = file.load()
            camera = find(document, camera_id)
            if camera is None:
                raise HTTPException(404, f"Camera not found: {camera_id}")
            camera["active"] = False
            camera["auto_start"] = False
            file.save(document)
            mirror.put(camera)
            stopped = runtime.stop(camera_id)
        return JSONResponse({"ok": True, "camera_id": camera_id, "active": False, "stopped": stopped})

    @router.put("/cameras/{camera_id}/auto-start")
    async def set_auto_start(camera_id: str, auto_start: bool) -> JSONResponse:
        await devices.wait("PUT /cameras/{id}/auto-start")
        async with file.lock:
            document = file.load()
            camera = find(document, camera_id)
            if camera is None:
                raise HTTPException(404, f"Camera not found: {camera_id}")
            if not camera.get("active", True):
                raise HTTPException(400, f"Camera is inactive: {camera_id}")
            camera["auto_start"] = auto_start
            file.save(document)
            mirror.put(camera)
        return JSONResponse({"ok": True, "camera_id": camera_id, "auto_start": auto_start})

    return router
