"""A tiny service behind a transport: cameras in a dict, every answer signed by the arm that was forced."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from verification.core.cases import (
    Case,
    Catalog,
    Endpoint,
    LoadSpec,
    ReadingSpec,
    RequestSpec,
    ResourceSpec,
    Shape,
    Twin,
)
from verification.core.redact import Redactor
from verification.drive.caller import Caller

LIST = ReadingSpec("cameras", RequestSpec("GET", "/cameras"), "cameras", "id", ordered=False, shape=Shape())
CAMERA = ResourceSpec(
    "camera",
    create=RequestSpec("POST", "/cameras", body={"id": "{self}", "on": False}, has_body=True),
    learned_id=None,
    states={"on": (RequestSpec("POST", "/cameras/{self}/on"),)},
    remove=(RequestSpec("DELETE", "/cameras/{self}"),),
    neutralise=(),
)
RULE = ResourceSpec(
    "rule",
    create=RequestSpec("POST", "/rules", body={}, has_body=True),
    learned_id="id",
    states={},
    remove=(),
    neutralise=(RequestSpec("PUT", "/rules/{self}"),),
)
TWIN = Twin("camera", "camera", ("on",), {"note": "of {self}"})
OFF = RequestSpec("POST", "/cameras/{camera}/off")
CASE = Case("plain", "", (TWIN,), OFF, 200)
ENDPOINT = Endpoint(
    "POST /off", "POST", "/off", True, Shape(), Shape(), ("cameras",), (CASE,), LoadSpec(1, (OFF,), None)
)
MAKE = Endpoint(
    "POST /rules",
    "POST",
    "/rules",
    True,
    Shape(ids=(("id", "rule"),)),
    Shape(),
    (),
    (Case("made", "", (), RequestSpec("POST", "/rules", body={"name": "{run}"}, has_body=True), 200),),
    LoadSpec(1, (OFF,), None, creates="rule"),
)
CATALOG = Catalog((ENDPOINT, MAKE), {"camera": CAMERA, "rule": RULE}, {"cameras": LIST}, {})


@dataclass
class Service:
    """The state, what was asked, and a place to interfere."""

    cameras: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    rules: int = 0
    interfere: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        forced = request.url.params.get("force_domain")
        self.asked.append(f"{request.method} {request.url.path} {forced}")
        meant = self.interfere(request)
        if meant is not None:
            return meant
        status, body = self._do(request)
        served = "domain" if forced == "true" else "legacy"
        return httpx.Response(status, json=body, headers={"x-served-by": served})

    def _do(self, request: httpx.Request) -> tuple[int, Any]:
        parts = request.url.path.strip("/").split("/")
        if parts[0] == "rules":
            self.rules += request.method == "POST"
            return 200, {"id": self.rules}
        if request.method == "GET":
            return 200, {"cameras": list(self.cameras.values())}
        if len(parts) == 1:
            made = json.loads(request.content)
            self.cameras[made["id"]] = made
            return 200, {"ok": True}
        if parts[1] not in self.cameras:
            return 404, {"detail": "unknown"}
        if request.method == "DELETE":
            del self.cameras[parts[1]]
        else:
            self.cameras[parts[1]]["on"] = parts[2] == "on"
        return 200, {"ok": True, "id": parts[1]}

    def caller(self, **options: Any) -> Caller:
        return Caller("http://service", Redactor(b"salt"), transport=httpx.MockTransport(self.answer), **options)
