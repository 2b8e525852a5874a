"""The untouched backend answers alike in every shape on both databases, held together as the suite holds two arms."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.reference import asking
from tests.reference.asking import ARMS, Asker, converse
from tests.reference.test_alike import STEPS
from verification.catalog.load import load_catalog
from verification.core.cases import Catalog, Shape
from verification.core.compare import Compared, compare_answers
from verification.core.documents import Names
from verification.core.model import Answer
from verification.core.state import reading_shape
from verification.reference.endpoints import endpoint_of
from verification.reference.shape import DEFAULT_SHAPE, SHAPES

CAMERA = "vr-walk-1"
NAMES = Names((("camera", CAMERA),))
MOMENT = ("timestamp", "the moment of the answer")


def steps() -> list[tuple[str, str, Any]]:
    """The long conversation, and what only another database could answer in another way."""
    said = [(method, path.replace("CAMERA", CAMERA), _renamed(body)) for method, path, body in STEPS]
    rule = {"name": "ü 'quoted\" %s :x", "rule_type": "t", "conditions": {"z": -0.0, "a": [1.0, 1, True, "\0"]}}
    said += [("POST", "/alerts/rules", {**rule, "enabled": number % 2 == 0}) for number in range(6)]
    said += [
        ("PUT", "/alerts/rules/2", {"camera_id": None, "conditions": {"": {}}}),
        ("PUT", "/alerts/rules/2", {"name": "nul \0"}),
        ("PUT", f"/alerts/rules/{2**63 - 1}", {"name": "none"}),
        ("PUT", f"/alerts/rules/{2**70}", {"name": "none"}),
        ("GET", "/alerts/rules", None),
        ("GET", "/alerts/rules?enabled=true", None),
        ("GET", "/alerts/rules?camera_id=%00", None),
        ("GET", "/alerts/rules?camera_id=%25", None),
    ]
    return said


def _renamed(body: Any) -> Any:
    return (
        {key: CAMERA if value == "CAMERA" else value for key, value in body.items()} if isinstance(body, dict) else body
    )


def shape_of(catalog: Catalog, method: str, path: str, status: int) -> Shape:
    """What the catalog says of this answer; the set-up calls that it does not know have nothing volatile."""
    plain = path.partition("?")[0]
    found = endpoint_of({"method": method, "path": f"/api/v1{plain}"})
    if found is not None:
        endpoint = catalog.endpoint(found)
        return endpoint.shape if status < 400 else endpoint.error_shape
    readings = {f"/api/v1{plain}": reading for reading in catalog.readings.values()}
    for reading in readings.values():
        if method == "GET" and reading.request.path == f"/api/v1{plain}" and status < 400:
            return reading_shape(reading)
    return Shape(headers=("content-type",))


@pytest.fixture
def walked(tmp_path: Path, database_of: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Walks on a shape, a database and an arm, each time from nothing in the same folder."""

    def walk(shape: str, arm: str, *, on_postgresql: bool) -> list[Answer]:
        monkeypatch.setattr(asking.DATABASE, "of", database_of if on_postgresql else lambda _: None)

        async def talk(asker: Asker) -> list[Answer]:
            answers = []
            for method, path, body in steps():
                options = {} if body is None else {"json": body}
                got = await asker.ask(method, path, arm, **options)
                answers.append(Answer(got.status_code, tuple(got.headers.items()), got.text))
            return answers

        answers = converse(tmp_path / "state", talk, shape=shape)
        shutil.rmtree(tmp_path / "state")
        return answers

    return walk


@pytest.mark.parametrize("arm", ARMS)
def test_every_shape_on_both_databases_answers_alike(walked: Any, arm: str) -> None:
    catalog = load_catalog()
    known = walked(DEFAULT_SHAPE, arm, on_postgresql=False)
    compared, seen = 0, Compared()
    for shape in SHAPES:
        for on_postgresql in (False, True):
            other = walked(shape, arm, on_postgresql=on_postgresql)
            for (method, path, _), old, new in zip(steps(), known, other, strict=True):
                found = compare_answers(shape_of(catalog, method, path, old.status), old, new, NAMES, NAMES)
                assert not found.differences, (shape, on_postgresql, method, path, found.differences)
                assert not found.messages, (shape, on_postgresql, method, path, found.messages)
                seen, compared = seen + found, compared + 1
    assert compared == 2 * len(SHAPES) * len(steps())
    # Moments differ from walk to walk: a walk that was held against itself would mask nothing.
    assert len(seen.masked) > 20
