"""The rewrite's repositories: entities in and out of the stores that the old implementation uses as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine, Row

from verification.reference.camera_file import CameraFile, find
from verification.reference.database import ALERT_RULES, LARGEST_ID, CameraMirror, now
from verification.reference.domain.entities import AlertRule, Camera, CameraExists, CameraUnknown

_ENCODED = frozenset({"conditions", "notification_channels", "recipients"})


class CameraRepository:
    """Cameras in the YAML file, mirrored in the database. A change holds the file's lock from reading to writing."""

    def __init__(self, file: CameraFile, mirror: CameraMirror) -> None:
        self.file, self.mirror = file, mirror

    def all(self) -> list[Camera]:
        """Every camera in the order of the file."""
        return [Camera(record) for record in self.file.records()]

    def get(self, camera_id: str) -> Camera:
        """One camera. Raises CameraUnknown."""
        record = find(self.file.load(), camera_id)
        if record is None:
            raise CameraUnknown(f"No camera has the id {camera_id}")
        return Camera(record)

    async def change(self, camera_id: str, change: Callable[[Camera], None]) -> Camera:
        """Apply the change and keep it; what the change raises leaves everything as it was. Raises CameraUnknown."""
        async with self.file.lock:
            document = self.file.load()
            record = find(document, camera_id)
            if record is None:
                raise CameraUnknown(f"No camera has the id {camera_id}")
            camera = Camera(record)
            change(camera)
            self.file.save(document)
            self.mirror.put(record)
            return camera

    async def add(self, camera: Camera) -> None:
        """Keep a new camera at the end of the list. Raises CameraExists."""
        async with self.file.lock:
            document = self.file.load()
            if find(document, camera.id) is not None:
                raise CameraExists(f"The id {camera.id} is taken")
            document["cameras"].append(camera.record)
            self.file.save(document)
            self.mirror.put(camera.record)

    async def remove(self, camera_id: str) -> None:
        """Forget a camera. Raises CameraUnknown."""
        async with self.file.lock:
            document = self.file.load()
            record = find(document, camera_id)
            if record is None:
                raise CameraUnknown(f"No camera has the id {camera_id}")
            document["cameras"].remove(record)
            self.file.save(document)
            self.mirror.remove(camera_id)

    async def reconcile(self) -> int:
        """Bring the mirror up to the file; returns how many cameras there are."""
        async with self.file.lock:
            records = self.file.records()
            self.mirror.reconcile(records)
            return len(records)


class AlertRuleRepository:
    """Alert rules in the database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, rule: AlertRule) -> int:
        """Store a new rule; returns its id."""
        moment = now()
        values = {
            "name": rule.name,
            "camera_id": rule.camera_id,
            "rule_type": rule.rule_type,
            "conditions": rule.conditions,
            "notification_channels": rule.notification_channels,
            "recipients": rule.recipients,
            "enabled": rule.enabled,
            "priority": rule.priority,
            "created_by": rule.created_by,
        }
        with self.engine.begin() as connection:
            statement = insert(ALERT_RULES).values(**self.encode(values), created_at=moment, updated_at=moment)
            key = connection.execute(statement).inserted_primary_key
        return int(key[0]) if key is not None else 0

    def change(self, rule_id: int, changes: dict[str, Any]) -> None:
        """Store changed fields of a rule; a rule that does not exist stays so."""
        if not changes or rule_id > LARGEST_ID:
            return
        statement = update(ALERT_RULES).where(ALERT_RULES.c.id == rule_id)
        with self.engine.begin() as connection:
            connection.execute(statement.values(**self.encode(changes), updated_at=now()))

    def find(self, camera_id: str | None, *, enabled: bool | None) -> list[AlertRule]:
        """The rules that fit, newest change first; None fits every rule."""
        if camera_id and "\0" in camera_id:
            return []
        statement = select(ALERT_RULES).order_by(ALERT_RULES.c.updated_at.desc(), ALERT_RULES.c.id.desc())
        if camera_id:
            statement = statement.where(ALERT_RULES.c.camera_id == camera_id)
        if enabled is not None:
            statement = statement.where(ALERT_RULES.c.enabled == enabled)
        with self.engine.connect() as connection:
            return [self.decode(row) for row in connection.execute(statement)]

    def encode(self, values: dict[str, Any]) -> dict[str, Any]:
        """Fields as the columns hold them: structures as JSON text."""
        return {name: json.dumps(value) if name in _ENCODED else value for name, value in values.items()}

    def decode(self, row: Row[Any]) -> AlertRule:
        """A row as an entity."""
        columns = row._mapping  # noqa: SLF001, RUF100 - SQLAlchemy's documented name
        return AlertRule(**{name: json.loads(value) if name in _ENCODED else value for name, value in columns.items()})
