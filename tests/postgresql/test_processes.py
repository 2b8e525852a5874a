"""The backend as a process on PostgreSQL: many writers at once, a restart, a server that lets go, and its password."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.engine import URL

from tests.postgresql.server import plain
from tests.reference.running import LONGEST_S, command, environment, running

RULE = {"name": "shared", "rule_type": "t", "conditions": {"above": 1}}
ROUNDS = 12


def text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def pair(database: URL, tmp_path: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two processes of the backend on one database, started at the same moment, each with cameras of its own."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(2) as pool:
            options = [("--state-dir", str(tmp_path / name)) for name in ("one", "two")]
            started = [pool.submit(stack.enter_context, running(*one, DATABASE_URL=text(database))) for one in options]
        one, two = (future.result().client for future in started)
        yield one, two


def forced(arm: str) -> dict[str, str]:
    return {"force_domain": "true" if arm == "domain" else "false"}


def at_once(*calls: Callable[[], httpx.Response]) -> None:
    """Send the calls at the same moment and wait for 200 on all."""
    gate = threading.Barrier(len(calls))

    def send(call: Callable[[], httpx.Response]) -> int:
        gate.wait(LONGEST_S)
        return call().status_code

    with ThreadPoolExecutor(len(calls)) as pool:
        assert set(pool.map(send, calls)) == {200}


@pytest.mark.parametrize("arms", [("legacy", "legacy"), ("domain", "domain"), ("legacy", "domain")])
def test_changes_of_one_rule_from_two_processes_at_once_are_all_kept(
    pair: tuple[httpx.Client, httpx.Client], arms: tuple[str, str]
) -> None:
    made = pair[0].post("/api/v1/alerts/rules", json=RULE, params=forced("legacy")).json()["id"]
    changes: tuple[dict[str, Any], ...] = ({"priority": "low"}, {"recipients": ["night"]})
    for number in range(ROUNDS):
        back = {"priority": "high", "recipients": [str(number)]}
        assert pair[0].put(f"/api/v1/alerts/rules/{made}", json=back).status_code == 200
        at_once(
            *(
                lambda one=one, arm=arm, change=change: one.put(
                    f"/api/v1/alerts/rules/{made}", json=change, params=forced(arm)
                )
                for one, arm, change in zip(pair, arms, changes, strict=True)
            )
        )
        for reader in pair:
            kept = reader.get("/api/v1/alerts/rules").json()["items"][0]
            assert (kept["priority"], kept["recipients"]) == ("low", ["night"])
            assert kept["updated_at"] > kept["created_at"]


def test_rules_made_by_two_processes_at_once_have_ids_of_their_own(pair: tuple[httpx.Client, httpx.Client]) -> None:
    def make(number: int) -> int:
        arm = "domain" if number % 3 else "legacy"
        answer = pair[number % 2].post("/api/v1/alerts/rules", json=RULE, params=forced(arm))
        return int(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, range(24)))
    assert len(set(made)) == 24
    listed = [client.get("/api/v1/alerts/rules").json() for client in pair]
    assert listed[0] == listed[1]
    assert {item["id"] for item in listed[0]["items"]} == set(made)
    moments = [item["updated_at"] for item in listed[0]["items"]]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("arm", ["legacy", "domain"])
def test_a_change_waits_for_a_row_that_somebody_else_holds_and_is_not_lost(
    database: URL, pair: tuple[httpx.Client, httpx.Client], arm: str
) -> None:
    made = pair[0].post("/api/v1/alerts/rules", json=RULE).json()["id"]
    with psycopg.connect(plain(database)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE alert_rules SET name = 'held' WHERE id = %s", (made,))
        path = f"/api/v1/alerts/rules/{made}"
        change = pool.submit(lambda: pair[0].put(path, json={"priority": "low"}, params=forced(arm)))
        with pytest.raises(TimeoutError):
            change.result(0.5)
        other.commit()
        assert change.result(LONGEST_S).status_code == 200
    kept = pair[1].get("/api/v1/alerts/rules").json()["items"][0]
    assert (kept["name"], kept["priority"]) == ("held", "low")


def test_rules_outlive_a_restart_and_a_camera_is_mirrored_once(database: URL, tmp_path: Path) -> None:
    camera = {"id": "oven", "name": "n", "source": "s"}
    for start in range(2):
        with running("--state-dir", str(tmp_path), DATABASE_URL=text(database)) as backend:
            client = backend.client
            client.post("/api/v1/alerts/rules", json=RULE)
            assert client.get("/api/v1/alerts/rules").json()["count"] == start + 1
            client.post("/api/v1/cameras", json=camera)
            client.post("/api/v1/cameras/oven/activate", params=forced("domain"))
            health = client.get("/api/v1/monitoring/health").json()
            assert (health["status"], health["checks"]["database"]["alert_rules"]) == ("healthy", start + 1)
            state = client.get("/api/v1/monitoring/metrics").json()["data_consistency"]
            assert (state["consistent"], state["db_count"]) == (True, state["yaml_count"])


def test_a_connection_that_the_server_closed_is_opened_anew(database: URL, tmp_path: Path) -> None:
    # By a name of its own, so that on a given server nobody else's connection is closed.
    name = f"gate-{secrets.token_hex(8)}"
    named = database.update_query_dict({"application_name": name})
    with running("--state-dir", str(tmp_path), DATABASE_URL=text(named)) as backend:
        assert backend.client.get("/api/v1/alerts/rules").status_code == 200
        with psycopg.connect(plain(database), autocommit=True) as other:
            closed = other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,)
            ).fetchall()
        assert closed
        for arm in ("legacy", "domain"):
            assert backend.client.get("/api/v1/alerts/rules", params=forced(arm)).status_code == 200


def test_the_password_stands_nowhere(database: URL, tmp_path: Path) -> None:
    """Neither in the process list, nor in what the process says, nor in its files, nor in what it answers."""
    password = str(database.password or "")
    if not password:
        pytest.skip("the given database is reached without a password, so there is none to look for")
    log = tmp_path / "backend.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command("--exit-with-stdin", "--state-dir", str(tmp_path / "state")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(DATABASE_URL=text(database)),
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = process.stdout.readline()
        listed = subprocess.run(
            ["ps", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True
        )
        with psycopg.connect(plain(database), autocommit=True) as other:
            # Every way of failing that the database has: what is logged of it is looked at below.
            other.execute("ALTER TABLE alert_rules RENAME TO gone")
        url = f"http://127.0.0.1:{json.loads(ready)['port']}/api/v1"
        answers = [httpx.get(f"{url}/monitoring/{name}") for name in ("health", "metrics")]
        answers += [httpx.get(f"{url}/alerts/rules", params=forced(arm)) for arm in ("legacy", "domain")]
        secret = {"rule_type": "t", "conditions": {}, "name": "rtsp://user:canary@camera/"}
        answers += [httpx.post(f"{url}/alerts/rules", json=secret, params=forced(arm)) for arm in ("legacy", "domain")]
        process.stdin.close()
        rest = process.stdout.read()
        process.wait(LONGEST_S)
    assert [answer.status_code for answer in answers] == [503, 200, 500, 500, 500, 500]
    said = log.read_text(encoding="utf-8")
    assert "falling back to legacy" in said
    everything = [said, listed.stdout, ready.decode(), rest.decode(), *(answer.text for answer in answers)]
    everything += [path.read_bytes().decode("latin-1") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert not [text for text in everything if password in text]
    assert not [text for text in everything if "canary" in text]


def test_a_wrong_password_is_told_without_repeating_it(database: URL, tmp_path: Path) -> None:
    if not database.password:
        pytest.skip("the given database asks for no password")
    wrong = database.set(password="wrong-canary")
    done = subprocess.run(
        command("--state-dir", str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        env=environment(DATABASE_URL=text(wrong)),
    )
    assert done.returncode == 2
    assert "password authentication failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stdout + done.stderr
