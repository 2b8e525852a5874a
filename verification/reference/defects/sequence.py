"""Defects that one call alone does not show: they need calls in a row, a certain routing of them, or a meeting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from verification.reference.asgi import Response
from verification.reference.backend import Backend
from verification.reference.camera_log import CameraLogs
from verification.reference.camera_runtime import CameraRuntime
from verification.reference.defects.interception import Act, Call, intercept
from verification.reference.defects.registry import Defect
from verification.reference.defects.state import with_service
from verification.reference.domain.entities import CameraInactive
from verification.reference.domain.repositories import AlertRuleRepository, CameraRepository
from verification.reference.domain.services import AlertRuleService, CameraService, Started

START = "POST /cameras/{id}/start"
CREATE_RULE = "POST /alerts/rules"
UPDATE_RULE = "PUT /alerts/rules/{rule_id}"
PAUSE_S = 0.02


class _BearsAGrudge(CameraService):
    """Remembers what it switched off, and forgets to forget it."""

    def __init__(self, cameras: CameraRepository, runtime: CameraRuntime, logs: CameraLogs) -> None:
        super().__init__(cameras, runtime, logs)
        self._switched_off: set[str] = set()

    async def deactivate(self, camera_id: str) -> bool:
        self._switched_off.add(camera_id)
        return await super().deactivate(camera_id)

    def start(self, camera_id: str) -> Started:
        if camera_id in self._switched_off:
            raise CameraInactive(f"The camera {camera_id} was switched off")
        return super().start(camera_id)


class _RemembersActive(CameraService):
    """Believes what it wrote itself, whatever the old code has written since."""

    def __init__(self, cameras: CameraRepository, runtime: CameraRuntime, logs: CameraLogs) -> None:
        super().__init__(cameras, runtime, logs)
        self._active: dict[str, bool] = {}

    async def activate(self, camera_id: str) -> None:
        await super().activate(camera_id)
        self._active[camera_id] = True

    async def deactivate(self, camera_id: str) -> bool:
        was_running = await super().deactivate(camera_id)
        self._active[camera_id] = False
        return was_running

    def start(self, camera_id: str) -> Started:
        if self._active.get(camera_id):
            return self._start(self.cameras.get(camera_id))
        return super().start(camera_id)


class _WritesFromMemory(AlertRuleService):
    """Writes what it last wrote once more with every change, whatever the old code has written since."""

    def __init__(self, rules: AlertRuleRepository) -> None:
        super().__init__(rules)
        self._written: dict[int, dict[str, Any]] = {}

    def update(self, rule_id: int, values: Mapping[str, Any]) -> None:
        known = self._written.get(rule_id, {}) if values else {}
        super().update(rule_id, {**known, **values})
        self._written[rule_id] = {**known, **values}


class _TakesTwinsForOne(AlertRuleService):
    """Takes a rule that is created with the same words for the same rule."""

    def __init__(self, rules: AlertRuleRepository) -> None:
        super().__init__(rules)
        self._known: dict[str, int] = {}

    def create(self, values: Mapping[str, Any]) -> int:
        words = repr(sorted(values.items()))
        if words not in self._known:
            self._known[words] = super().create(values)
        return self._known[words]


def _with_rules(service: type[AlertRuleService]) -> Any:
    def install(backend: Backend) -> None:
        backend.services.rules = service(backend.services.rules.rules)

    return install


def _start_blindly(backend: Backend) -> Act:
    """Look whether the camera runs, take some time, and go by what was seen before."""

    async def act(call: Call) -> Response:
        camera_id = str(call.scope["path"]).split("/")[-2]
        did_run = backend.runtime.pid(camera_id) != 0
        response = await call.proceed()
        await asyncio.sleep(PAUSE_S)
        if not did_run and response.status == 200 and b'"cmd"' not in response.body:
            # Somebody else has started it since: that run is replaced by one of this request's own.
            backend.runtime.stop(camera_id)
            return await call.proceed()
        return response

    return act


def _write_back_all(backend: Backend) -> Act:
    """Read the whole rule, take some time, and write all of it back with the change."""

    def others(rule_id: int, changed: set[str]) -> dict[str, Any]:
        found = next((rule for rule in backend.services.rules.find(None, enabled=None) if rule.id == rule_id), None)
        kept = ("priority", "recipients", "enabled", "notification_channels")
        return {} if found is None else {name: getattr(found, name) for name in kept if name not in changed}

    async def act(call: Call) -> Response:
        last = str(call.scope["path"]).split("/")[-1]
        rule_id = int(last) if last.isascii() and last.isdigit() else 0
        changed = {name for name in ("priority", "recipients", "enabled") if f'"{name}"'.encode() in call.body}
        read = others(rule_id, changed) if changed else {}
        await asyncio.sleep(PAUSE_S)
        response = await call.proceed()
        if response.status == 200 and read:
            backend.services.rules.update(rule_id, read)
        return response

    return act


SEQUENCE_DEFECTS = (
    Defect(
        name="reactivated-will-not-start",
        kind="sequence",
        wrong="a camera that the rewrite deactivated does not start any more, though it is activated again",
        sufferer="an operator whose camera stays off until the next restart of the backend",
        check="sequence.diverged",
        verdict="ROLLBACK",
        install=with_service(_BearsAGrudge),
    ),
    Defect(
        name="stale-active-flag",
        kind="sequence",
        wrong="a camera that the rewrite activated and the old code deactivated is started by the rewrite all the same",
        sufferer="people who are filmed by a camera that was switched off, while both arms serve",
        check="sequence.diverged",
        verdict="ROLLBACK",
        install=with_service(_RemembersActive),
    ),
    Defect(
        name="rule-from-memory",
        kind="sequence",
        wrong="an alert rule's change brings back what the rewrite wrote before and the old code has changed since",
        sufferer="whoever changed the rule through the other arm",
        check="sequence.diverged",
        verdict="ROLLBACK",
        install=_with_rules(_WritesFromMemory),
    ),
    Defect(
        name="repeat-taken-for-same",
        kind="sequence",
        wrong="a second alert rule with the same words is not created; the first one's id is answered",
        sufferer="who wants two alike rules and changes one of them later",
        check="retry.diverged",
        verdict="ROLLBACK",
        endpoint=CREATE_RULE,
        install=_with_rules(_TakesTwinsForOne),
    ),
    Defect(
        name="started-twice",
        kind="concurrency",
        wrong="two starts at the same moment both start the camera",
        sufferer="everybody who waits for the camera that two processes fight for",
        check="race.outcome",
        verdict="ROLLBACK",
        endpoint=START,
        install=intercept(START, _start_blindly),
    ),
    Defect(
        name="rule-lost-update",
        kind="concurrency",
        wrong="a change of an alert rule writes the whole rule back as it was read before",
        sufferer="two people who change one rule at the same moment: one change is gone, both were told ok",
        check="race.lost-update",
        verdict="ROLLBACK",
        endpoint=UPDATE_RULE,
        install=intercept(UPDATE_RULE, _write_back_all),
    ),
)
