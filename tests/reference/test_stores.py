from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.reference.asking import ARMS, Asker, converse
from verification.reference.camera_file import CameraFile, CameraFileError
from verification.reference.camera_log import ROTATE_BYTES, CameraLogs
from verification.reference.devices import LOG_SIGMA, MEDIAN_MS, Devices

BY_HAND = """\
# written by hand
site: {name: kitchen, opened: 2019-04-01}
cameras:
  - {id: oven, name: "on", source: 0.rtsp, installed: 2024-05-01, zoom: 1.0, note: "two\\nlines", tags: [1, true, ~]}
  - id: grill
    name: Grill
    source: s
"""


def make_file(folder: Path, text: str) -> CameraFile:
    path = folder / "cameras.yaml"
    path.write_text(text, encoding="utf-8")
    return CameraFile(path)


@pytest.mark.parametrize("arm", ARMS)
def test_what_a_person_wrote_survives_a_change_of_another_field(tmp_path: Path, arm: str) -> None:
    file = make_file(tmp_path, BY_HAND)
    before = file.load()

    async def talk(asker: Asker) -> None:
        await asker.ask("POST", "/cameras/oven/activate", arm)
        await asker.ask("POST", "/cameras/grill/deactivate", arm)

    converse(tmp_path, talk)
    after = CameraFile(file.path).load()
    assert after["site"] == {"name": "kitchen", "opened": "2019-04-01"}
    assert after["cameras"][0] == {**before["cameras"][0], "active": True}
    assert after["cameras"][1] == {**before["cameras"][1], "active": False, "auto_start": False}


@pytest.mark.parametrize("arm", ARMS)
def test_an_edit_by_hand_is_seen_at_once(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        await asker.make_camera("oven")
        path = asker.backend.file.path
        path.write_text(path.read_text(encoding="utf-8").replace("name: Oven", "name: Stove"), encoding="utf-8")
        assert (await asker.camera("oven", arm))["name"] == "Stove"
        degraded = (await asker.ask("GET", "/monitoring/health")).json()
        assert degraded["status"] == "degraded"
        await asker.ask("POST", "/cameras/refresh", arm)
        assert (await asker.ask("GET", "/monitoring/health")).json()["status"] == "healthy"

    converse(tmp_path, talk)


def test_a_document_handed_out_is_the_callers_own(tmp_path: Path) -> None:
    file = make_file(tmp_path, BY_HAND)
    document = file.load()
    document["cameras"][0]["name"] = "changed"
    document["cameras"].pop()
    document["site"] = None
    assert file.load() == make_file(tmp_path, BY_HAND).load()


def test_equal_looking_values_of_other_types_are_written_as_what_they_are(tmp_path: Path) -> None:
    file = make_file(tmp_path, "cameras: [{id: oven}]")
    values: tuple[Any, ...] = (True, 1, 1.0, "1", "true", None, "null", "2024-05-01", [], {})
    for value in values:
        document = file.load()
        document["cameras"][0]["value"] = value
        file.save(document)
        read = CameraFile(file.path).records()[0]["value"]
        assert (read, type(read)) == (value, type(value))


def test_no_reader_ever_sees_a_part_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_file(tmp_path, BY_HAND)
    whole = file.path.read_bytes()

    def fail(*_arguments: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    document = file.load()
    document["cameras"].clear()
    with pytest.raises(OSError, match="disk full"):
        file.save(document)
    assert file.path.read_bytes() == whole
    assert len(file.records()) == 2


@pytest.mark.parametrize("arm", ARMS)
def test_changes_at_the_same_moment_are_all_kept(tmp_path: Path, arm: str) -> None:
    names = [f"oven-{number}" for number in range(8)]

    async def talk(asker: Asker) -> None:
        for name in names:
            await asker.make_camera(name)
        paths = [f"/cameras/{name}/auto-start?auto_start=true" for name in names]
        await asyncio.gather(*(asker.ask("PUT", path, arm) for path in paths))
        assert all([(await asker.camera(name)).get("auto_start") for name in names])

    converse(tmp_path, talk, device_scale=0.2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: [", "not valid YAML"),
        ("[]", "must be a mapping"),
        ("cameras: {a: 1}", "must be a list"),
        ("cameras: [1]", r"cameras\[0\]"),
        ("cameras: [{id: a}, {name: b}]", r"cameras\[1\]"),
        ("cameras: [{id: 5}]", "text 'id'"),
    ],
)
def test_a_file_that_holds_no_cameras_says_where_it_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CameraFileError, match=words):
        make_file(tmp_path, text).load()


def test_an_empty_file_holds_no_cameras_and_can_be_written(tmp_path: Path) -> None:
    file = make_file(tmp_path, "")
    assert file.records() == []
    file.save(file.load())
    assert CameraFile(file.path).records() == []


@pytest.mark.parametrize("name", ["..", ".", "/etc/passwd", "a/../../b", "x" * 5000, "ü" * 300, "\0", ""])
def test_a_log_lies_in_its_folder_whatever_the_camera_is_called(tmp_path: Path, name: str) -> None:
    logs = CameraLogs(tmp_path / "logs")
    logs.append(name, ["line"])
    assert logs.read(name) == ["line"]
    assert [path.parent for path in tmp_path.rglob("*.log")] == [logs.folder]


def test_names_that_begin_alike_have_logs_of_their_own(tmp_path: Path) -> None:
    logs = CameraLogs(tmp_path)
    assert logs.path("x" * 5000 + "a") != logs.path("x" * 5000 + "b")
    assert logs.path("gate-1").name == "gate-1.log"


def test_a_grown_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    logs = CameraLogs(tmp_path)
    logs.append("oven", ["x" * ROTATE_BYTES])
    logs.rotate("oven")
    assert logs.read("oven") is None
    logs.remove("oven")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the folder must be empty, whatever the names


def test_waits_follow_their_law_and_their_seed() -> None:
    for endpoint, median_ms in MEDIAN_MS.items():
        devices = Devices(seed=5)
        waits = sorted(devices.wait_ms(endpoint) for _ in range(4001))
        assert waits[2000] == pytest.approx(median_ms, rel=0.03)
        # 84.13 % lie below one sigma above the median.
        assert waits[3366] == pytest.approx(median_ms * 2.718281828**LOG_SIGMA, rel=0.05)
    assert Devices(seed=5).wait_ms(endpoint) == Devices(seed=5).wait_ms(endpoint)
    assert 5 <= min(MEDIAN_MS.values()) <= max(MEDIAN_MS.values()) <= 50


def test_a_running_camera_goes_on_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.reference.camera_runtime.LINE_PERIOD_S", 0.001)

    async def talk(asker: Asker) -> None:
        await asker.make_camera("oven")
        await asker.ask("POST", "/cameras/oven/start", "legacy")
        counts = set()
        for _ in range(5000):
            counts.add((await asker.ask("GET", "/cameras/oven/logs", "domain")).json()["total_lines"])
            if len(counts) >= 3:
                break
        assert len(counts) >= 3

    converse(tmp_path, talk)


def test_metrics_count_every_request_behind_the_flag_by_who_served(tmp_path: Path) -> None:
    async def talk(asker: Asker) -> None:
        for arm, path in (("legacy", "/cameras"), ("domain", "/cameras"), ("domain", "/nothing")):
            await asker.ask("GET", path, arm)
        for _ in range(2):
            metrics = (await asker.ask("GET", "/monitoring/metrics")).json()
            await asker.ask("GET", "/monitoring/health")
        assert metrics["requests"] == {
            "total": 3,
            "success": 2,
            "error": 1,
            "success_rate": 66.667,
            "error_rate": 33.333,
            "by_status": {"200": 2, "404": 1},
        }
        assert metrics["domain_service"] == {"usage_count": 2, "old_count": 1, "usage_rate": 66.667}
        assert metrics["errors"]["total"] == 1
        times = metrics["response_time"]
        assert 0 < times["p50_ms"] <= times["p95_ms"] <= times["p99_ms"] <= times["max_ms"]
        consistency = metrics["data_consistency"]
        assert consistency["consistent"] is True
        assert consistency["db_count"] == consistency["yaml_count"] == 3

    converse(tmp_path, talk)


def test_health_that_cannot_be_told_is_503(tmp_path: Path) -> None:
    async def talk(asker: Asker) -> None:
        asker.backend.file.path.write_text("cameras: [", encoding="utf-8")
        assert (await asker.ask("GET", "/monitoring/health")).status_code == 503

    converse(tmp_path, talk)
