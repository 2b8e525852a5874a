"""Alert rules of the old implementation: checks by hand, SQL by hand."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Path
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.engine import Engine

from verification.reference.database import LARGEST_ID, now
from verification.reference.devices import Devices

Payload = dict[str, Any]

_REQUIRED = ("name", "rule_type", "conditions")
_UPDATABLE = (
    "name",
    "camera_id",
    "rule_type",
    "conditions",
    "notification_channels",
    "recipients",
    "enabled",
    "priority",
)
_LISTS = ("notification_channels", "recipients")
_TEXTS = ("name", "rule_type", "priority")
_OPTIONAL_TEXTS = ("camera_id", "created_by")

_INSERT = text(
    "INSERT INTO alert_rules (name, camera_id, rule_type, conditions, notification_channels, recipients, enabled,"
    " priority, created_by, created_at, updated_at) VALUES (:name, :camera_id, :rule_type, :conditions,"
    " :notification_channels, :recipients, :enabled, :priority, :created_by, :now, :now) RETURNING id"
)


def _check_json(payload: Payload) -> None:
    try:
        json.dumps(payload, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"Request body cannot be stored: {error}") from error


def _check_types(payload: Payload) -> None:
    for key, value in payload.items():
        if key in _TEXTS and not isinstance(value, str):
            raise HTTPException(400, f"{key} must be a string")
        if key in _OPTIONAL_TEXTS and not (value is None or isinstance(value, str)):
            raise HTTPException(400, f"{key} must be a string or null")
        if key == "conditions" and not isinstance(value, dict):
            raise HTTPException(400, "conditions must be an object")
        if isinstance(value, str) and "\0" in value:
            # PostgreSQL keeps no NUL in a text; SQLite would, and the interface must not depend on which it is.
            raise HTTPException(400, f"{key} must not contain a NUL character")
        if key in _LISTS and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise HTTPException(400, f"{key} must be a list of strings")
        if key == "enabled" and not isinstance(value, bool):
            raise HTTPException(400, "enabled must be true or false")


def _columns(payload: Payload) -> Payload:
    """Values as they stand in the table: whatever is no text or boolean becomes JSON text."""
    encoded = {*_LISTS, "conditions"}
    return {key: json.dumps(value) if key in encoded else value for key, value in payload.items()}


def _row_to_dict(row: Any) -> Payload:
    return {
        "id": row.id,
        "name": row.name,
        "camera_id": row.camera_id,
        "rule_type": row.rule_type,
        "conditions": json.loads(row.conditions),
        "notification_channels": json.loads(row.notification_channels),
        "recipients": json.loads(row.recipients),
        "enabled": bool(row.enabled),
        "priority": row.priority,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def alert_rule_routes(engine: Engine, devices: Devices) -> APIRouter:  # noqa: C901 - one closure for each route
    """The routes of alert rules."""
    router = APIRouter()

    @router.post("/alerts/rules")
    async def create_rule(payload: Annotated[Payload, Body()]) -> JSONResponse:
        await devices.wait("POST /alerts/rules")
        for key in _REQUIRED:
            if payload.get(key) is None:
                raise HTTPException(400, f"Missing required field: {key}")
        _check_json(payload)
        rule = {key: payload.get(key) for key in (*_UPDATABLE, "created_by")}
        for key, default in (
            ("notification_channels", []),
            ("recipients", []),
            ("enabled", True),
            ("priority", "medium"),
        ):
            if rule[key] is None:
                rule[key] = default
        _check_types(rule)
        with engine.begin() as connection:
            rule_id = connection.execute(_INSERT, {**_columns(rule), "now": now()}).scalar_one()
        return JSONResponse({"ok": True, "id": rule_id})

    @router.put("/alerts/rules/{rule_id}")
    async def update_rule(
        rule_id: Annotated[int, Path(ge=1)], payload: Annotated[Payload | None, Body()] = None
    ) -> JSONResponse:
        await devices.wait("PUT /alerts/rules/{rule_id}")
        changes = {key: value for key, value in (payload or {}).items() if key in _UPDATABLE}
        for key in _LISTS:
            if key in changes and changes[key] is None:
                changes[key] = []
        _check_json(changes)
        _check_types(changes)
        if changes and rule_id <= LARGEST_ID:
            # The keys come from the list above, never from the request.
            assignments = ", ".join(f"{key} = :{key}" for key in changes)
            statement = text(f"UPDATE alert_rules SET {assignments}, updated_at = :now WHERE id = :id")  # noqa: S608
            with engine.begin() as connection:
                connection.execute(statement, {**_columns(changes), "now": now(), "id": rule_id})
        return JSONResponse({"ok": True})

    @router.get("/alerts/rules")
    async def list_rules(camera_id: str | None = None, enabled: bool | None = None) -> JSONResponse:
        conditions: list[str] = []
        values: Payload = {}
        if camera_id and "\0" in camera_id:
            return JSONResponse({"count": 0, "items": []})
        if camera_id:
            conditions.append("camera_id = :camera_id")
            values["camera_id"] = camera_id
        if enabled is not None:
            conditions.append("enabled = :enabled")
            values["enabled"] = enabled
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = text(f"SELECT * FROM alert_rules{where} ORDER BY updated_at DESC, id DESC")  # noqa: S608 - as above
        with engine.connect() as connection:
            items = [_row_to_dict(row) for row in connection.execute(statement, values)]
        return JSONResponse({"count": len(items), "items": items})

    return router
