"""The rewrite's entities: what a camera and an alert rule are, and which changes they allow. No stores, no HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


class DomainError(Exception):
    """A request that the rules of the domain refuse; the text is for people."""


class CameraUnknown(DomainError):
    """There is no camera of that id."""


class CameraExists(DomainError):
    """There is a camera of that id already."""


class CameraInactive(DomainError):
    """The camera would have to be active for that."""


class InvalidValue(DomainError):
    """A field is missing or cannot hold the value."""


def require_storable(values: Mapping[str, Any]) -> None:
    """InvalidValue for what JSON or UTF-8 cannot hold: NaN, infinities, lone surrogates, endless nesting."""
    try:
        json.dumps(dict(values), allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"A value cannot be stored ({error})") from error


@dataclass(slots=True)
class Camera:
    """A camera. `record` holds all its fields, those that this code does not know too, so that none gets lost."""

    record: dict[str, Any]

    @classmethod
    def create(cls, values: Mapping[str, Any]) -> Self:
        """A new camera. Raises InvalidValue."""
        missing = [name for name in ("id", "name", "source") if values.get(name) is None]
        if missing:
            raise InvalidValue(f"A camera needs {', '.join(missing)}")
        camera = cls({})
        camera._take(values)
        if not 0 < len(camera.id) <= 200 or "/" in camera.id or not camera.id.isprintable():
            raise InvalidValue("A camera's id has 1 to 200 printable characters and no slash")
        return camera

    @property
    def id(self) -> str:
        """The id, which never changes."""
        identity: str = self.record["id"]
        return identity

    @property
    def source(self) -> str:
        """Where the pictures come from."""
        return str(self.record.get("source", ""))

    @property
    def active(self) -> bool:
        """Whether it may run; a camera that does not say is active."""
        return bool(self.record.get("active", True))

    def require_active(self) -> None:
        """CameraInactive unless it is active."""
        if not self.active:
            raise CameraInactive(f"The camera {self.id} is switched off")

    def activate(self) -> None:
        """Allow it to run."""
        self.record["active"] = True

    def deactivate(self) -> None:
        """Forbid it to run, now and at the next start."""
        self.record["active"] = False
        self.record["auto_start"] = False

    def set_auto_start(self, auto_start: bool) -> None:  # noqa: FBT001, RUF100 - the one thing it sets
        """Choose whether it starts by itself. Raises CameraInactive."""
        self.require_active()
        self.record["auto_start"] = auto_start

    def merge(self, values: Mapping[str, Any]) -> None:
        """Take over the given fields except the id. Raises InvalidValue."""
        self._take({key: value for key, value in values.items() if key != "id"} | {"id": self.id})

    def _take(self, values: Mapping[str, Any]) -> None:
        require_storable(values)
        for name in ("id", "name", "source"):
            if name in values and not isinstance(values[name], str):
                raise InvalidValue(f"A camera's {name} is a text")
        self.record.update(values)


@dataclass(slots=True)
class AlertRule:
    """An alert rule. `id` is 0 until it is stored; the timestamps belong to the repository."""

    name: str
    rule_type: str
    conditions: dict[str, Any]
    camera_id: str | None = None
    notification_channels: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    enabled: bool = True
    priority: str = "medium"
    created_by: str | None = None
    id: int = 0
    created_at: str = ""
    updated_at: str = ""

    @classmethod
    def create(cls, values: Mapping[str, Any]) -> Self:
        """A new rule; null stands for the default where there is one. Raises InvalidValue."""
        missing = [name for name in ("name", "rule_type", "conditions") if values.get(name) is None]
        if missing:
            raise InvalidValue(f"An alert rule needs {', '.join(missing)}")
        require_storable(values)
        known = {item.name for item in fields(cls)} - {"id", "created_at", "updated_at"}
        given = {name: value for name, value in values.items() if name in known and value is not None}
        for name, value in given.items():
            _require_kind(name, value)
        return cls(**given)

    @staticmethod
    def check_changes(values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the values that a rule can change, made ready. Raises InvalidValue."""
        changes = {name: value for name, value in values.items() if name in CHANGEABLE}
        for name in ("notification_channels", "recipients"):
            if name in changes and changes[name] is None:
                changes[name] = []
        require_storable(changes)
        for name, value in changes.items():
            if not (value is None and name == "camera_id"):
                _require_kind(name, value)
        return changes


CHANGEABLE = frozenset(
    {"name", "camera_id", "rule_type", "conditions", "notification_channels", "recipients", "enabled", "priority"}
)
_KINDS: dict[str, tuple[type, str]] = {
    "conditions": (dict, "an object"),
    "notification_channels": (list, "a list of texts"),
    "recipients": (list, "a list of texts"),
    "enabled": (bool, "true or false"),
}


def _require_kind(name: str, value: Any) -> None:
    kind, words = _KINDS.get(name, (str, "a text"))
    texts_only = not isinstance(value, list) or all(isinstance(item, str) for item in value)
    if not (isinstance(value, kind) and texts_only):
        raise InvalidValue(f"An alert rule's {name} is {words}")
    if isinstance(value, str) and "\0" in value:
        # Not every database keeps it in a text.
        raise InvalidValue(f"An alert rule's {name} is a text without NUL")
