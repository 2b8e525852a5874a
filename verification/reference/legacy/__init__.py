"""The old implementation: cameras straight in the YAML file, alert rules by SQL text."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from verification.reference.application import new_application
from verification.reference.camera_file import CameraFile
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.database import CameraMirror
from verification.reference.devices import Devices
from verification.reference.legacy.alert_rules import alert_rule_routes
from verification.reference.legacy.camera_control import camera_control_routes
from verification.reference.legacy.cameras import camera_routes
from verification.reference.witness import Implementation


def build_legacy(
    engine: Engine, file: CameraFile, mirror: CameraMirror, runtime: CameraRuntime, devices: Devices, prefix: str
) -> Implementation:
    """The whole old implementation."""
    app = new_application()
    app.include_router(alert_rule_routes(engine, devices), prefix=prefix)
    app.include_router(camera_routes(file, mirror, runtime, devices), prefix=prefix)
    app.include_router(camera_control_routes(file, runtime, devices), prefix=prefix)
    return Implementation("legacy", app)
