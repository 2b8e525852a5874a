"""How what a service creates might be removed again: a POST to a collection beside a DELETE of one of its items."""

from __future__ import annotations

import re

from verification.catalog.sketch import Sketch
from verification.core.model import Json

_MOST = 20


def guessed_resources(sketches: dict[str, Sketch]) -> dict[str, Json]:
    """Resources and readings as the catalog writes them; empty where nothing looks like one."""
    resources: dict[str, Json] = {}
    readings: dict[str, Json] = {}
    for create in sketches.values():
        removal = next((one for one in sketches.values() if _removes(one, create)), None)
        if create.method != "POST" or removal is None or not create.cases or len(resources) >= _MOST:
            continue
        name = re.sub("[^a-z0-9]+", "-", create.route.rpartition("/")[2].lower()).strip("-")
        if not re.match("[a-z]", name) or name in readings:
            continue
        item = re.sub(r"\{\w+\}$", "{self}", removal.path)
        resources[name.removesuffix("s") or name] = {
            "create": {"method": "POST", **create.cases[0].request()},
            "learned_id": "id",
            "remove": [{"method": "DELETE", "path": item}],
        }
        if f"GET {create.route}" in sketches:
            request: dict[str, Json] = {"method": "GET", "path": create.path}
            readings[name] = {"request": request, "items": "", "key": "id", "shape": {}}
    return {key: value for key, value in (("resources", resources), ("readings", readings)) if value}


def _removes(sketch: Sketch, create: Sketch) -> bool:
    return (
        sketch.method == "DELETE" and re.fullmatch(r"\{\w+\}", sketch.path.removeprefix(f"{create.path}/")) is not None
    )
