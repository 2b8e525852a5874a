"""The rewrite: entities, repositories and services over the stores of the old implementation."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from verification.reference.application import new_application
from verification.reference.camera_file import CameraFile
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.database import CameraMirror
from verification.reference.devices import Devices
from verification.reference.domain.repositories import AlertRuleRepository, CameraRepository
from verification.reference.domain.routes import (
    alert_rule_routes,
    answer_domain_errors,
    camera_list_routes,
    camera_run_routes,
)
from verification.reference.domain.services import AlertRuleService, CameraService, Services
from verification.reference.witness import Implementation


def build_services(engine: Engine, file: CameraFile, mirror: CameraMirror, runtime: CameraRuntime) -> Services:
    """The services over these stores."""
    cameras = CameraService(CameraRepository(file, mirror), runtime, runtime.logs)
    return Services(cameras, AlertRuleService(AlertRuleRepository(engine)))


def build_domain(services: Services, devices: Devices, prefix: str) -> Implementation:
    """The whole rewrite."""
    app = new_application()
    answer_domain_errors(app)
    for router in (
        alert_rule_routes(services, devices),
        camera_list_routes(services, devices),
        camera_run_routes(services, devices),
    ):
        app.include_router(router, prefix=prefix)
    return Implementation("domain", app)
