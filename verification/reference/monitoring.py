"""Readiness, health and metrics. They stand beside the flag and are not counted themselves."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.engine import Engine

from verification.reference.camera_file import CameraFile
from verification.reference.database import CameraMirror, canonical, now
from verification.reference.metrics import Metrics
from verification.reference.routing import PREFIX

_LOG = logging.getLogger("reference.monitoring")


class Monitoring:
    """Looks at the stores and the counters at the moment it is asked."""

    def __init__(self, engine: Engine, file: CameraFile, mirror: CameraMirror, metrics: Metrics) -> None:
        self.engine, self.file, self.mirror, self.counters = engine, file, mirror, metrics

    def consistency(self) -> dict[str, Any]:
        """The cameras' file held against their mirror. An issue is a camera that only one of them knows, or both with
        different fields."""
        kept = {record["id"]: canonical(record) for record in self.file.records()}
        mirrored = self.mirror.documents()
        issues = sum(kept.get(camera_id) != mirrored.get(camera_id) for camera_id in kept.keys() | mirrored.keys())
        return {
            "consistent": issues == 0,
            "issues_count": issues,
            "db_count": len(mirrored),
            "yaml_count": len(kept),
            "last_check": now(),
        }

    def health(self) -> dict[str, Any]:
        """Healthy when every check is; raises when the checks themselves cannot run."""
        with self.engine.connect() as connection:
            rules = connection.execute(text("SELECT COUNT(*) FROM alert_rules")).scalar_one()
        consistency = self.consistency()
        issues = consistency["issues_count"]
        checks = {
            "database": {"status": "healthy", "alert_rules": rules},
            "redis": {"status": "not_configured"},
            "domain_services": {"status": "healthy"},
            "camera_data_consistency": {"status": "healthy" if issues == 0 else "degraded", "issues_count": issues},
        }
        healthy = all(check["status"] != "degraded" for check in checks.values())
        return {"status": "healthy" if healthy else "degraded", "timestamp": now(), "checks": checks}

    def metrics(self) -> dict[str, Any]:
        """The counters, and how the stores agree now."""
        return {"timestamp": now(), **self.counters.report(), "data_consistency": self.consistency()}


def build_monitoring(monitoring: Monitoring) -> FastAPI:
    """The application for readiness and monitoring."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/api/ping")
    async def ping() -> JSONResponse:
        return JSONResponse({"ok": True})

    @app.get(f"{PREFIX}/monitoring/health")
    async def health() -> JSONResponse:
        try:
            return JSONResponse(monitoring.health())
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is 503
            _LOG.exception("health cannot be told")
            return JSONResponse({"detail": f"health cannot be told: {error}"}, status_code=503)

    @app.get(f"{PREFIX}/monitoring/metrics")
    async def metrics() -> JSONResponse:
        return JSONResponse(monitoring.metrics())

    return app
