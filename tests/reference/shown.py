"""What shows a defect: asks a backend and tells whether the fault is visible. Here those of answers and state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.reference.asking import Asker

RULE = {"name": "smoke", "rule_type": "count", "conditions": {}, "notification_channels": ["mail"]}
SHOWN: dict[str, Callable[[Asker], Awaitable[bool]]] = {}
"""Defect -> asks a backend and tells whether the fault is visible. Each is asked of an honest backend too."""
Show = Callable[[Asker], Awaitable[bool]]


def shows(name: str) -> Callable[[Show], Show]:
    def register(show: Show) -> Show:
        SHOWN[name] = show
        return show

    return register


async def both(asker: Asker, method: str, path: str, **options: Any) -> tuple[httpx.Response, httpx.Response]:
    return (
        await asker.ask(method, path, "legacy", **options),
        await asker.ask(method, path, "domain", **options),
    )


async def logged(asker: Asker) -> None:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/start", "legacy")
    await asker.ask("POST", "/cameras/oven/stop", "legacy")


def differ(name: str, method: str, path: str, look: Callable[[httpx.Response], Any]) -> None:
    """A defect that shows when a camera with a log is asked for the same on both arms."""

    async def show(asker: Asker) -> bool:
        await logged(asker)
        legacy, domain = await both(asker, method, path)
        return repr(look(legacy)) != repr(look(domain))

    SHOWN[name] = show


differ("unknown-camera-activated", "POST", "/cameras/nobody/activate", lambda answer: answer.status_code)

differ("field-missing", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"].keys())

differ("field-renamed", "GET", "/cameras/oven/logs", lambda answer: answer.json().keys())

differ("null-for-empty-list", "GET", "/cameras/nobody/logs", lambda answer: answer.json()["lines"])

differ("number-as-text", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"])

differ("integer-as-float", "GET", "/cameras/oven/stats", lambda answer: answer.json()["stats"])

differ("boolean-as-number", "POST", "/cameras/oven/activate", lambda answer: answer.json()["ok"])

differ("list-reversed", "GET", "/cameras/oven/logs", lambda answer: answer.json()["lines"])

differ("lines-off-by-one", "GET", "/cameras/oven/logs?lines=3", lambda answer: answer.json()["lines"])

differ("null-pid", "GET", "/cameras/oven/status", lambda answer: answer.json()["pid"])

differ("zoneless-timestamp", "POST", "/cameras/refresh", lambda answer: len(answer.json()["timestamp"]))

differ("cacheable-answer", "GET", "/cameras/oven/stats", lambda answer: answer.headers.get("cache-control"))

differ("not-a-number", "GET", "/cameras/oven/stats", lambda answer: "NaN" in answer.text)

differ("body-twice", "POST", "/cameras/refresh", lambda answer: answer.text.count("{"))

differ("another-cameras-id", "GET", "/cameras/oven/stats", lambda answer: answer.json()["camera_id"])

differ("witness-missing", "GET", "/cameras", lambda answer: "x-served-by" in answer.headers)

differ("faithful-refactor", "GET", "/cameras/oven/stats", lambda answer: answer.text)

differ("unprocessable-as-400", "POST", "/alerts/rules", lambda answer: answer.status_code)


@shows("created-201")
async def created(asker: Asker) -> bool:
    return (await asker.ask("POST", "/alerts/rules", "domain", json=RULE)).status_code == 201


@shows("message-language")
async def worded(asker: Asker) -> bool:
    legacy, domain = await both(asker, "POST", "/cameras/nobody/activate")
    assert (legacy.status_code, legacy.json().keys()) == (domain.status_code, domain.json().keys())
    return bool(domain.json()["detail"].startswith("Die "))


@shows("write-not-kept")
async def forgotten(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    assert (await asker.ask("POST", "/cameras/oven/activate", "domain")).json()["active"] is True
    return (await asker.camera("oven"))["active"] is False


@shows("write-drops-fields")
async def dropped(asker: Asker) -> bool:
    await asker.make_camera("oven", location="cellar")
    await asker.ask("POST", "/cameras/oven/activate", "domain")
    return not {"name", "location"} <= (await asker.camera("oven")).keys()


@shows("neighbours-changed")
async def neighbours(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.make_camera("grill")
    await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")
    return "auto_start" in await asker.camera("grill")


@shows("deactivate-leaves-running")
async def left_running(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("POST", "/cameras/oven/start", "legacy")
    assert (await asker.ask("POST", "/cameras/oven/deactivate", "domain")).json()["stopped"] is True
    return bool((await asker.ask("GET", "/cameras/oven/status", "legacy")).json()["running"])


@shows("write-before-validation")
async def written_before(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    refused = await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")
    assert refused.status_code == 400
    return "auto_start" in await asker.camera("oven")


@shows("auto-start-on-inactive")
async def allowed(asker: Asker) -> bool:
    await asker.make_camera("oven", active=False)
    return (await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", "domain")).status_code == 200


@shows("lost-update")
async def lost(asker: Asker) -> bool:
    names = [f"oven-{number}" for number in range(6)]
    for name in names:
        await asker.make_camera(name)
    paths = [f"/cameras/{name}/auto-start?auto_start=true" for name in names]
    answers = await asyncio.gather(*(asker.ask("PUT", path, "domain") for path in paths))
    assert [answer.status_code for answer in answers] == [200] * len(names)
    kept = [(await asker.camera(name)).get("auto_start", False) for name in names]
    return not all(kept)


@shows("unreadable-by-legacy")
async def unreadable(asker: Asker) -> bool:
    await asker.ask("POST", "/alerts/rules", "domain", json=RULE)
    legacy, domain = await both(asker, "GET", "/alerts/rules")
    assert domain.json()["items"][0]["notification_channels"] == ["mail"]
    assert legacy.status_code == 200
    return bool(legacy.json() != domain.json())


@shows("misread-by-legacy")
async def misread(asker: Asker) -> bool:
    await asker.make_camera("oven")
    await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=false", "domain")
    assert (await asker.camera("oven", "domain"))["auto_start"] is False
    return (await asker.camera("oven", "legacy"))["auto_start"] is not False


@shows("data-inconsistent")
async def inconsistent(asker: Asker) -> bool:
    await asker.make_camera("oven")
    before = (await asker.ask("GET", "/monitoring/metrics")).json()["data_consistency"]
    assert (before["consistent"], before["issues_count"]) == (True, 0)
    await asker.ask("POST", "/cameras/oven/deactivate", "domain")
    await asker.ask("POST", "/cameras/refresh", "legacy")
    await asker.ask("DELETE", "/cameras/oven", "legacy")
    return (await asker.ask("GET", "/monitoring/metrics")).json()["data_consistency"]["consistent"] is False
