from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.reference.asking import ARMS, Asker, converse

pytestmark = pytest.mark.parametrize("arm", ARMS)

RULE = {"name": "smoke", "rule_type": "count", "conditions": {"above": 3}}


def test_a_rule_gets_the_defaults_for_what_is_omitted_or_null(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        for extra in ({}, {"notification_channels": None, "recipients": None, "enabled": None, "priority": None}):
            created = await asker.ask("POST", "/alerts/rules", arm, json={**RULE, **extra})
            assert created.status_code == 200
            assert created.json().keys() == {"ok", "id"}
            listed = (await asker.ask("GET", "/alerts/rules", arm)).json()
            rule = listed["items"][0]
            assert rule["id"] == created.json()["id"]
            assert (rule["notification_channels"], rule["recipients"]) == ([], [])
            assert (rule["enabled"], rule["priority"], rule["camera_id"]) == (True, "medium", None)
            assert rule["created_at"] == rule["updated_at"]
            assert rule["conditions"] == {"above": 3}
        assert listed["count"] == 2

    converse(tmp_path, talk)


@pytest.mark.parametrize("missing", ["name", "rule_type", "conditions"])
@pytest.mark.parametrize("how", ["absent", "null"])
def test_a_rule_without_a_required_field_is_refused_and_not_kept(
    tmp_path: Path, arm: str, missing: str, how: str
) -> None:
    async def talk(asker: Asker) -> None:
        body: dict[str, Any] = {key: value for key, value in RULE.items() if key != missing or how == "null"}
        if how == "null":
            body[missing] = None
        refused = await asker.ask("POST", "/alerts/rules", arm, json=body)
        assert refused.status_code == 400
        assert missing in refused.json()["detail"]
        assert (await asker.ask("GET", "/alerts/rules", arm)).json() == {"count": 0, "items": []}

    converse(tmp_path, talk)


@pytest.mark.parametrize(
    "content", [b"[]", b'"text"', b"", b"{", b"\xff\xfe", b"null", b'{"name": NaN}', b'{"name":"\\ud800"}']
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_body_that_cannot_be_a_rule_is_refused_by_the_arm_that_was_asked(
    tmp_path: Path, arm: str, content: bytes, kind: str
) -> None:
    async def talk(asker: Asker) -> None:
        answer = await asker.ask("POST", "/alerts/rules", arm, content=content, headers={"content-type": kind})
        assert answer.status_code in (400, 422)
        assert answer.headers["x-served-by"] == arm
        assert "detail" in answer.json()

    converse(tmp_path, talk)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 5),
        ("conditions", []),
        ("recipients", "a@b"),
        ("recipients", [1]),
        ("enabled", 1),
        ("priority", []),
        ("camera_id", 3),
        ("conditions", {"x": float("inf")}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_rule_field_of_a_wrong_type_is_refused(tmp_path: Path, arm: str, field: str, value: Any, method: str) -> None:
    async def talk(asker: Asker) -> None:
        path = "/alerts/rules" if method == "POST" else "/alerts/rules/1"
        content, headers = json.dumps({**RULE, field: value}), {"content-type": "application/json"}
        answer = await asker.ask(method, path, arm, content=content, headers=headers)
        assert answer.status_code == 400

    converse(tmp_path, talk)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("field", ["name", "rule_type", "camera_id", "priority", "created_by"])
def test_a_nul_in_a_text_is_refused_because_not_every_database_keeps_it(
    tmp_path: Path, arm: str, field: str, method: str
) -> None:
    async def talk(asker: Asker) -> None:
        path = "/alerts/rules" if method == "POST" else "/alerts/rules/1"
        answer = await asker.ask(method, path, arm, json={**RULE, field: "a\0b"})
        # created_by cannot be changed, so an update ignores it like any other unknown field.
        assert answer.status_code == (200 if (field, method) == ("created_by", "PUT") else 400)
        assert (await asker.ask("GET", "/alerts/rules?camera_id=a%00b", arm)).json() == {"count": 0, "items": []}

    converse(tmp_path, talk)


def test_every_value_that_json_knows_comes_back_from_the_database_as_it_was(tmp_path: Path, arm: str) -> None:
    values = {"z": [1, 1.0, -0.0, 1e300, 2**70, True, None, ""], "a": {"ü\0\u2028": "\U0001f4f7", "": {}}}
    lists = {"recipients": ["a\0b", "ü"], "notification_channels": [""]}

    async def talk(asker: Asker) -> None:
        await asker.ask("POST", "/alerts/rules", arm, json={**RULE, "conditions": values, **lists})
        rule = (await asker.ask("GET", "/alerts/rules", arm)).json()["items"][0]
        # As texts: 1, 1.0 and true are equal in Python, and the order of members would not show.
        assert json.dumps(rule["conditions"]) == json.dumps(values)
        assert {name: rule[name] for name in lists} == lists

    converse(tmp_path, talk)


def test_ids_count_upwards_and_the_newest_change_comes_first(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        made = [(await asker.ask("POST", "/alerts/rules", arm, json=RULE)).json()["id"] for _ in range(12)]
        assert made == list(range(made[0], made[0] + 12))
        for rule_id in (made[3], made[9]):
            await asker.ask("PUT", f"/alerts/rules/{rule_id}", arm, json={"priority": "low"})
        items = (await asker.ask("GET", "/alerts/rules", arm)).json()["items"]
        rest = [rule_id for rule_id in reversed(made) if rule_id not in (made[3], made[9])]
        assert [item["id"] for item in items] == [made[9], made[3], *rest]
        for item in items:
            for field in ("created_at", "updated_at"):
                moment = datetime.fromisoformat(item[field])
                assert moment.utcoffset() == timedelta(0)
                assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)

    converse(tmp_path, talk)


def test_a_rule_update_changes_what_was_sent_and_puts_the_rule_first(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        first = (await asker.ask("POST", "/alerts/rules", arm, json=RULE)).json()["id"]
        await asker.ask("POST", "/alerts/rules", arm, json={**RULE, "name": "other", "enabled": False})
        changes = {"recipients": ["a@b"], "enabled": False, "unknown": 1, "created_by": "me"}
        changed = await asker.ask("PUT", f"/alerts/rules/{first}", arm, json=changes)
        assert changed.json() == {"ok": True}
        items = (await asker.ask("GET", "/alerts/rules?enabled=false", arm)).json()["items"]
        assert items[0]["id"] == first
        assert items[0]["recipients"] == ["a@b"]
        assert items[0]["name"] == "smoke"
        assert items[0]["updated_at"] > items[0]["created_at"]
        assert (await asker.ask("GET", "/alerts/rules?enabled=true", arm)).json()["count"] == 0
        assert (await asker.ask("GET", "/alerts/rules?camera_id=nobody", arm)).json()["count"] == 0

    converse(tmp_path, talk)


@pytest.mark.parametrize(
    ("rule_id", "status"), [("999", 200), ("9" * 30, 200), ("0", 422), ("-1", 422), ("x", 422), ("1.5", 422)]
)
def test_rule_ids_are_whole_numbers_from_1_and_need_not_exist(
    tmp_path: Path, arm: str, rule_id: str, status: int
) -> None:
    async def talk(asker: Asker) -> None:
        assert (await asker.ask("PUT", f"/alerts/rules/{rule_id}", arm)).status_code == status
        assert (await asker.ask("PUT", f"/alerts/rules/{rule_id}", arm, json={"priority": "low"})).status_code == status

    converse(tmp_path, talk)


def test_a_camera_runs_from_start_to_stop_and_writes_its_log(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        await asker.make_camera("oven")
        idle = (await asker.ask("GET", "/cameras/oven/logs", arm)).json()
        assert (idle["lines"], idle["total_lines"]) == ([], 0)
        assert idle["message"]
        started = (await asker.ask("POST", "/cameras/oven/start", arm)).json()
        assert started.keys() == {"ok", "running", "pid", "log", "cmd"}
        assert started["pid"] > 0
        assert "oven" in started["log"]
        again = (await asker.ask("POST", "/cameras/oven/start", arm)).json()
        assert again == {key: value for key, value in started.items() if key != "cmd"}
        status = (await asker.ask("GET", "/cameras/oven/status", arm)).json()
        assert status == {"ok": True, "running": True, "pid": started["pid"], "log": started["log"]}
        restarted = (await asker.ask("POST", "/cameras/oven/restart", arm)).json()
        assert restarted["pid"] > started["pid"]
        assert "cmd" in restarted
        stats = (await asker.ask("GET", "/cameras/oven/stats", arm)).json()
        assert (stats["running"], stats["pid"], stats["log_file"]) == (True, restarted["pid"], started["log"])
        assert stats["stats"]["total_frames"] > stats["stats"]["processed_frames"] > 0
        for _ in range(2):
            assert (await asker.ask("POST", "/cameras/oven/stop", arm)).json() == {"ok": True, "running": False}
        everything = (await asker.ask("GET", "/cameras/oven/logs?lines=0", arm)).json()
        assert everything["total_lines"] == len(everything["lines"]) > 2
        two = (await asker.ask("GET", "/cameras/oven/logs?lines=2", arm)).json()
        assert two["lines"] == everything["lines"][-2:]
        assert (await asker.ask("GET", "/cameras/oven/logs?lines=x", arm)).status_code == 422

    converse(tmp_path, talk)


def test_unknown_cameras_have_a_status_and_no_log_but_cannot_be_changed_or_started(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        status = (await asker.ask("GET", "/cameras/nobody/status", arm)).json()
        assert (status["running"], status["pid"]) == (False, 0)
        assert (await asker.ask("GET", "/cameras/nobody/stats", arm)).json()["stats"]["total_frames"] == 0
        assert (await asker.ask("GET", "/cameras/nobody/logs", arm)).json()["lines"] == []
        assert (await asker.ask("POST", "/cameras/nobody/stop", arm)).status_code == 200
        expected = {"start": 400, "restart": 400, "activate": 404, "deactivate": 404}
        for action, code in expected.items():
            answer = await asker.ask("POST", f"/cameras/nobody/{action}", arm)
            assert answer.status_code == code
            assert "nobody" in answer.json()["detail"]
        assert (await asker.ask("PUT", "/cameras/nobody/auto-start?auto_start=true", arm)).status_code == 404
        assert (await asker.ask("PUT", "/cameras/nobody", arm, json={"name": "x"})).status_code == 404
        assert (await asker.ask("DELETE", "/cameras/nobody", arm)).status_code == 404

    converse(tmp_path, talk)


def test_deactivating_stops_the_camera_and_keeps_it_from_starting(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        await asker.make_camera("oven", mounted_by="Jo")
        auto = await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", arm)
        assert auto.json() == {"ok": True, "camera_id": "oven", "auto_start": True}
        pid = (await asker.ask("POST", "/cameras/oven/start", arm)).json()["pid"]
        off = await asker.ask("POST", "/cameras/oven/deactivate", arm)
        assert off.json() == {"ok": True, "camera_id": "oven", "active": False, "stopped": True}
        assert (await asker.ask("POST", "/cameras/oven/deactivate", arm)).json()["stopped"] is False
        camera = await asker.camera("oven", arm)
        assert (camera["active"], camera["auto_start"], camera["mounted_by"]) == (False, False, "Jo")
        assert (await asker.ask("POST", "/cameras/oven/start", arm)).status_code == 400
        assert (await asker.ask("POST", "/cameras/oven/restart", arm)).status_code == 400
        assert (await asker.ask("PUT", "/cameras/oven/auto-start?auto_start=true", arm)).status_code == 400
        on = await asker.ask("POST", "/cameras/oven/activate", arm)
        assert on.json() == {"ok": True, "camera_id": "oven", "active": True}
        assert (await asker.ask("POST", "/cameras/oven/start", arm)).json()["pid"] > pid

    converse(tmp_path, talk)


def test_batch_status_is_no_camera_and_no_ids_mean_all(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        await asker.make_camera("oven")
        every = (await asker.ask("POST", "/cameras/batch-status", arm)).json()
        assert "oven" in every
        assert len(every) > 1
        bodies: tuple[Any, ...] = ({}, {"camera_ids": []}, {"camera_ids": None}, None)
        for body in bodies:
            assert (await asker.ask("POST", "/cameras/batch-status", arm, json=body)).json() == every
        asked = await asker.ask("POST", "/cameras/batch-status", arm, json={"camera_ids": ["oven", "nobody"]})
        assert asked.json().keys() == {"oven", "nobody"}
        assert asked.json()["oven"] == every["oven"]
        wrong = await asker.ask("POST", "/cameras/batch-status", arm, json={"camera_ids": [1]})
        assert wrong.status_code == 422

    converse(tmp_path, talk)


def test_cameras_are_made_merged_and_deleted(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        values = {"id": "grill", "name": "Grill ü", "source": "s", "env": {"A": "1"}, "fps": 12.5}
        made = await asker.ask("POST", "/cameras", arm, json=values)
        assert made.json() == {"ok": True, "camera": values}
        assert (await asker.ask("POST", "/cameras", arm, json=values)).status_code == 409
        assert (await asker.ask("POST", "/cameras", arm, json={"id": "x", "name": "n"})).status_code == 400
        for bad in ("", "a/b", "a\nb", "x" * 201, 5):
            assert (await asker.ask("POST", "/cameras", arm, json={**values, "id": bad})).status_code == 400
        merged = await asker.ask("PUT", "/cameras/grill", arm, json={"fps": 5, "id": "other"})
        assert merged.json() == {"status": "success"}
        assert await asker.camera("grill", arm) == {**values, "fps": 5}
        await asker.ask("POST", "/cameras/grill/start", arm)
        assert (await asker.ask("DELETE", "/cameras/grill", arm)).json() == {"status": "success"}
        assert (await asker.ask("GET", "/cameras/grill/status", arm)).json()["running"] is False
        assert (await asker.ask("GET", "/cameras/grill/logs", arm)).json()["lines"] == []

    converse(tmp_path, talk)


def test_every_answer_names_who_made_it_and_how_long_it_worked(tmp_path: Path, arm: str) -> None:
    async def talk(asker: Asker) -> None:
        for method, path in (
            ("POST", "/cameras/refresh"),
            ("GET", "/cameras"),
            ("GET", "/nothing"),
            ("PATCH", "/cameras"),
            ("PUT", "/alerts/rules/0"),
            ("POST", "/cameras/nobody/activate"),
        ):
            answer = await asker.ask(method, path, arm)
            assert answer.headers["x-served-by"] == arm
            assert float(answer.headers["server-timing"].removeprefix("work;dur=")) > 0

    converse(tmp_path, talk)


@pytest.mark.parametrize("name", ["..%2f..%2fescape", "%00", "..", "%2e%2e", "é" * 300, "a%5cb"])
def test_no_camera_id_leads_out_of_the_folder_of_logs(tmp_path: Path, arm: str, name: str) -> None:
    async def talk(asker: Asker) -> None:
        for path in ("logs", "stats", "status"):
            answer = await asker.ask("GET", f"/cameras/{name}/{path}", arm)
            assert answer.status_code in (200, 404)
            if answer.status_code == 200:
                named = answer.json().get("log") or answer.json()["log_file"]
                assert Path(named).resolve().parent == asker.backend.runtime.logs.folder

    converse(tmp_path, talk)
