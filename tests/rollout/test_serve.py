"""The server tells what the ledger holds, to each tool in its own words, and refuses whatever it should not answer."""

from __future__ import annotations

import http.client
import json
import math
import socket
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.rollout import releases
from tests.rollout.releases import ALL, EACH_VERDICT, HOOK_BODY, Answer, Ask, Release, answering, served, settings_of
from verification.core.errors import SettingsError, UsageError
from verification.core.model import Verdict
from verification.core.release.events import FeedbackAdded, Told
from verification.core.release.judgement import Action, Figure, StageJudgement
from verification.core.release.standing import Standing
from verification.rollout import answers
from verification.rollout import serve as module
from verification.rollout.answers import Present
from verification.rollout.ledger import Ledger
from verification.rollout.serve import MOST_BODY_BYTES, TOKEN, ReleaseServer, serve, token_from

SECRET = "hunter2hunter2hunter2"
HOOKS = ("/flagger/confirm", "/flagger/check", "/flagger/rollback", "/flagger/event")


@pytest.mark.parametrize("verdict", Verdict)
def test_the_verdict_is_told_with_200_whatever_it_is(tmp_path: Path, verdict: Verdict) -> None:
    with served(tmp_path / "l", EACH_VERDICT[verdict]) as ask:
        answer = ask("/verdict")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.document
    assert list(told) == ["schema", "stage_percent", "verdict", "promote", "rollback", "reasons", "p95"]
    assert (told["schema"], told["stage_percent"], told["verdict"]) == ("gate/1", 10, verdict.value)
    assert told["promote"] is (verdict is Verdict.PROMOTE)
    assert told["rollback"] is (verdict is Verdict.ROLLBACK)
    assert bool(told["reasons"]) is (verdict is not Verdict.PROMOTE)
    assert told["p95"] == {"change": 0.12, "low": -0.03, "high": 0.29}


@pytest.mark.parametrize("name", ["not begun", "taken back"])
def test_without_a_stage_the_verdict_is_inconclusive(tmp_path: Path, name: str) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        told = ask("/verdict").document
    assert (told["verdict"], told["stage_percent"], told["promote"], told["rollback"]) == (
        "INCONCLUSIVE",
        0,
        False,
        False,
    )
    assert told["p95"] == {"change": None, "low": None, "high": None}
    assert told["reasons"]


def broken_ledger(tmp_path: Path, how: str) -> Path:
    path = tmp_path / "release.sqlite"
    if how == "no database":
        path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    elif how == "another database":
        path.write_bytes(b"")
    elif how == "an event of another version":
        releases.write(path, releases.PROMOTED)
        with Ledger(path) as ledger:
            ledger._file.execute(
                "INSERT INTO line VALUES (999, '2026-01-05T08:00:00+00:00', 'Unheard', '{}', 'a', 'b')"
            )
    return path


@pytest.mark.parametrize("how", ["missing", "no database", "another database", "an event of another version"])
def test_a_ledger_that_cannot_be_read_moves_nobody(tmp_path: Path, how: str) -> None:
    with answering(settings_of(broken_ledger(tmp_path, how)), releases.AFTER_A_DAY) as ask:
        verdict = ask("/verdict")
        assert verdict.status == 200
        assert verdict.document["verdict"] == "INCONCLUSIVE"
        assert "release.sqlite" in verdict.document["reasons"][0]
        for hook in ("/flagger/confirm", "/flagger/check", "/flagger/rollback"):
            assert ask(hook, HOOK_BODY).status == 403
        assert ask("/metrics").status == 503
        if how != "an event of another version":
            assert ask("/flagger/event", HOOK_BODY).status == 403
    assert (tmp_path / "release.sqlite").exists() is (how != "missing")


def test_asking_changes_nothing_in_the_ledger(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        before = (tmp_path / "l").read_bytes()
        for path in ("/verdict", "/metrics"):
            ask(path)
        for hook in HOOKS[:3]:
            ask(hook, HOOK_BODY)
        assert (tmp_path / "l").read_bytes() == before
        ask("/flagger/event", HOOK_BODY)
        assert (tmp_path / "l").read_bytes() != before


def test_what_is_written_meanwhile_is_told_at_the_next_asking(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        assert ask("/verdict").document["verdict"] == "PROMOTE"
        with Ledger(tmp_path / "l") as ledger:
            ledger.append(FeedbackAdded("f1", "serious", "no picture at night", "support"), releases.AFTER_A_DAY)
        told = ask("/verdict").document
    assert told["verdict"] == "ROLLBACK"
    assert "no picture at night" in told["reasons"][0]


def test_reasons_are_bounded_and_hold_no_control_characters_and_no_secret(tmp_path: Path) -> None:
    text = f"\x1b[31m password={SECRET} " + "x" * 5000
    words = tuple(FeedbackAdded(f"f{number}", "serious", text, "support") for number in range(40))
    with served(tmp_path / "l", replace(releases.PROMOTED, events=(*releases.PROMOTED.events, *words))) as ask:
        answer = ask("/verdict")
        refused = ask("/flagger/confirm", HOOK_BODY)
    assert len(answer.document["reasons"]) == 20
    assert max(map(len, answer.document["reasons"])) <= 500
    for one in (answer, refused):
        assert SECRET not in one.body
        assert "\x1b" not in one.body
    assert len(refused.body) < 700


# Hook -> release -> status.
TABLE = {
    "/flagger/confirm": {"PROMOTE": 200},
    "/flagger/check": {"PROMOTE": 200, "collecting": 200},
    "/flagger/rollback": {"ROLLBACK": 200},
    "/flagger/event": dict.fromkeys(ALL, 200),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("hook", TABLE)
def test_each_hook_answers_as_the_table_says(tmp_path: Path, hook: str, name: str) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        answer = ask(hook, HOOK_BODY)
    assert answer.status == TABLE[hook].get(name, 403)
    assert answer.body.strip()


@pytest.mark.parametrize("name", [name for name in ALL if name != "ROLLBACK"])
@pytest.mark.parametrize("body", [HOOK_BODY, {}, {"phase": "Failed", "metadata": {"stage_percent": "10"}}])
def test_nothing_but_rollback_gives_2xx_on_the_rollback_path(tmp_path: Path, name: str, body: Any) -> None:
    with served(tmp_path / "l", ALL[name]) as ask:
        for method in ("POST", "GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"):
            assert not 200 <= ask("/flagger/rollback", body, method=method).status < 300
        for path in ("/flagger/rollback/", "/flagger/rollback?x=1", "//flagger/rollback", "/flagger/Rollback"):
            assert not 200 <= ask(path, body).status < 300


def test_a_stage_without_a_gate_run_is_still_collecting(tmp_path: Path) -> None:
    with served(tmp_path / "l", releases.without_gate(releases.COLLECTING)) as ask:
        assert ask("/flagger/check", HOOK_BODY).status == 200
        assert ask("/flagger/confirm", HOOK_BODY).status == 403


@pytest.mark.parametrize(("wanted", "status"), [("10", 200), (10, 200), ("25", 403), ("", 403), (None, 200)])
def test_a_hook_that_names_a_stage_is_confirmed_by_that_stage_only(tmp_path: Path, wanted: Any, status: int) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        answer = ask("/flagger/confirm", {**HOOK_BODY, "metadata": {"stage_percent": wanted}})
    assert answer.status == status


def told(path: Path) -> list[Told]:
    with Ledger(path) as ledger:
        return [event for _, _, event in ledger.events() if isinstance(event, Told)]


def test_an_event_is_kept_redacted_bounded_and_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "l"
    message = f"Advance podinfo.test canary weight 25 \x1b[2J \ud83d 前进 password={SECRET} "
    body = {**HOOK_BODY, "metadata": {"eventMessage": message, "eventType": "Normal", "token": SECRET}}
    with served(path, releases.PROMOTED) as ask:
        assert ask("/flagger/event", body).status == 200
        assert ask("/flagger/event", {"metadata": {"eventMessage": "y" * 50_000}}).status == 200
        assert ask("/verdict").document["verdict"] == "PROMOTE"
    first, second = told(path)
    assert first.source == "flagger"
    assert "Advance podinfo.test canary weight 25" in first.text
    assert "前进" in first.text
    assert SECRET not in first.text
    assert "\x1b" not in first.text
    assert len(second.text) <= 2000
    with Ledger(path) as ledger:
        assert ledger.broken() == []
        assert ledger.lines()[-1].at == releases.PROMOTED.now


def series(answer: Answer) -> dict[str, tuple[float, dict[str, str]]]:
    found = {}
    for family in text_string_to_metric_families(answer.body):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            found[sample.name] = (sample.value, sample.labels)
    return found


@pytest.mark.parametrize(("verdict", "number"), [("PROMOTE", 0), ("INCONCLUSIVE", 1), ("HOLD", 2), ("ROLLBACK", 3)])
def test_the_verdict_is_a_series_with_its_stage(tmp_path: Path, verdict: str, number: int) -> None:
    release = EACH_VERDICT[Verdict(verdict)]
    with served(tmp_path / "l", release) as ask:
        answer = ask("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = series(answer)
    assert found["release_gate_verdict"] == (number, {"stage": "10"})
    assert found["release_gate_p95_change_ratio"] == (0.12, {})
    last = max(one.at for one in release.events if isinstance(one, releases.Look))
    assert found["release_gate_last_look_timestamp_seconds"] == (last.timestamp(), {})
    assert f"{number} {verdict}" in answer.body


def test_what_is_not_known_has_no_series(tmp_path: Path) -> None:
    with served(tmp_path / "none", releases.NOT_BEGUN) as ask:
        assert series(ask("/metrics")) == {}
    with served(tmp_path / "begun", Release((releases.STARTED,), releases.BEGAN)) as ask:
        assert set(series(ask("/metrics"))) == {"release_gate_verdict"}


@pytest.mark.parametrize(("change", "series_value"), [(math.inf, math.inf), (-math.inf, -math.inf), (math.nan, None)])
def test_what_is_no_number_is_told_as_null_in_json_and_as_infinite_or_nothing_to_prometheus(
    change: float, series_value: float | None
) -> None:
    figure = Figure("p95_change", change, -math.inf, math.inf, 0.2, 0.5, Verdict.HOLD)
    judged = StageJudgement(10, Verdict.HOLD, (), (), Action("analyse", 10), (figure,))
    now = Present(judged, Standing(10, releases.BEGAN))
    assert json.loads(answers.verdict(now).body)["p95"] == {"change": None, "low": None, "high": None}
    found = series(Answer(200, answers.metrics(now).body.decode(), {}))
    assert found.get("release_gate_p95_change_ratio") == (None if series_value is None else (series_value, {}))


@pytest.mark.parametrize(
    ("path", "body", "how", "status"),
    [
        ("/", None, {}, 404),
        ("/flagger", HOOK_BODY, {}, 404),
        ("/verdict", None, {"method": "HEAD"}, 405),
        ("/verdict", HOOK_BODY, {}, 405),
        ("/metrics", HOOK_BODY, {"method": "PUT"}, 405),
        ("/flagger/check", None, {}, 405),
        ("/flagger/check", None, {"method": "BREW"}, 405),
        ("/flagger/check", b"", {}, 400),
        ("/flagger/check", b"{", {}, 400),
        ("/flagger/check", b"\xff\xfe", {}, 400),
        ("/flagger/check", b"[" * 60_000, {}, 400),
        ("/flagger/check", b"9" * 60_000, {}, 400),
        ("/flagger/check", [], {}, 400),
        ("/flagger/check", "text", {}, 400),
        ("/flagger/check", HOOK_BODY, {"headers": {"Content-Type": "text/plain"}}, 415),
        ("/flagger/check", b" " * (MOST_BODY_BYTES + 1), {}, 413),
        ("/flagger/check", b" " * (10 * MOST_BODY_BYTES), {}, 413),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_in_words(
    tmp_path: Path, path: str, body: Any, how: dict[str, Any], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        answer = ask(path, body, **how)
        assert ask("/verdict").status == 200
    assert answer.status == status
    assert answer.body.strip() or how.get("method") == "HEAD"
    assert ("Allow" in answer.headers) is (status == 405)
    assert "Traceback" not in capfd.readouterr().err


def connected(ask: Ask) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", ask.port), timeout=20))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /flagger/check HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", b"411"),
        (b"POST /flagger/check HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"411"),
        (b"POST /flagger/check HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", b"411"),
        (b"POST /flagger/check HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"GET /verdict HTTP/9.9\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\x00\r\n\r\n", b"400"),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 70_000), b"414"),
        (b"GET /verdict HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused_without_quoting_it(tmp_path: Path, raw: bytes, status: bytes) -> None:
    with served(tmp_path / "l", releases.PROMOTED) as ask:
        with connected(ask) as client:
            client.sendall(raw)
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        assert ask("/verdict").status == 200
    # Before a request line is understood the server answers as to HTTP/0.9: without a status.
    assert status in answer or b"no request" in answer
    assert b"aaaa" not in answer


def test_a_slow_client_is_cut_off_and_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WHOLE_S", 0.3)
    with served(tmp_path / "l", releases.PROMOTED) as ask, connected(ask) as slow:
        slow.sendall(b"GET /verd")
        assert ask("/verdict").status == 200
        assert slow.recv(100) == b""


def test_more_connections_than_there_is_room_for_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 1)
    with served(tmp_path / "l", releases.PROMOTED) as ask, connected(ask) as first:
        first.sendall(b"GET /verdict HTTP/1.0\r\n")
        with connected(ask) as second:
            assert second.recv(100) == b""
        first.sendall(b"\r\n")
        assert b"200 OK" in first.recv(100)


TOKEN_VALUE = "0123456789abcdef-planted"


def test_with_a_token_every_path_wants_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = releases.write(tmp_path / "l", releases.PROMOTED)
    known = {"headers": {"Authorization": f"Bearer {TOKEN_VALUE}"}}
    wrong = [
        "",
        "Bearer ",
        f"Bearer {TOKEN_VALUE}x",
        f"Basic {TOKEN_VALUE}",
        TOKEN_VALUE,
        "Bearer é",
        f"bearer{TOKEN_VALUE}",
    ]
    with answering(settings, releases.AFTER_A_DAY, TOKEN_VALUE) as ask:
        for path, body in [
            ("/verdict", None),
            ("/metrics", None),
            ("/x", None),
            *((hook, HOOK_BODY) for hook in HOOKS),
        ]:
            for bad in wrong:
                answer = ask(path, body, headers={"Authorization": bad})
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), bad
            assert ask(path, body).status == 401
            right = ask(path, body, **known).status
            assert right == {"/x": 404, "/flagger/rollback": 403}.get(path, 200)
    assert TOKEN_VALUE not in capfd.readouterr().err
    assert len(told(tmp_path / "l")) == 1


def test_a_hook_may_name_the_token_in_its_metadata_and_it_is_not_kept(tmp_path: Path) -> None:
    settings = releases.write(tmp_path / "l", releases.PROMOTED)
    with answering(settings, releases.AFTER_A_DAY, TOKEN_VALUE) as ask:
        for metadata, status in [({"token": TOKEN_VALUE, "note": TOKEN_VALUE}, 200), ({"token": "x"}, 401), ([], 401)]:
            assert ask("/flagger/event", {**HOOK_BODY, "metadata": metadata}).status == status
        assert ask("/verdict", {**HOOK_BODY, "metadata": {"token": TOKEN_VALUE}}, method="GET").status == 401
    (kept,) = told(tmp_path / "l")
    assert TOKEN_VALUE not in kept.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", ""])
@pytest.mark.parametrize("token", [None, ""])
def test_another_address_needs_a_token(tmp_path: Path, host: str, token: str | None) -> None:
    with pytest.raises(UsageError, match="token"):
        ReleaseServer(settings_of(tmp_path / "l"), host=host, port=0, token=token)


def test_an_address_that_cannot_be_listened_on_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "l")
    with ReleaseServer(settings, port=0) as taken:
        for port in (taken.server_port, 70_000):
            with pytest.raises(UsageError, match=f"port {port}: cannot listen"):
                ReleaseServer(settings, port=port)


def test_the_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN_VALUE}\nsecond line\n", encoding="utf-8")
    assert token_from({}, file) == TOKEN_VALUE
    assert token_from({TOKEN: "another-long-token"}, file) == TOKEN_VALUE
    assert token_from({TOKEN: "another-long-token"}, None) == "another-long-token"
    assert token_from({}, None) is None
    assert token_from({TOKEN: " "}, None) is None


@pytest.mark.parametrize(
    "bad", ["", "short-planted", "planted planted planted", "planted-planted-ü", "planted\tplanted-planted"]
)
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused_unquoted(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "token"
    file.write_text(bad, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        token_from({}, file)
    assert "planted" not in str(caught.value).replace(str(tmp_path), "")
    with pytest.raises(SettingsError, match="cannot be read"):
        token_from({}, tmp_path / "missing")


def test_serving_ends_quietly_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: ReleaseServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReleaseServer, "serve_forever", interrupted)
    serve(settings_of(tmp_path / "l"), port=0)
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_a_bug_of_ours_is_told_without_what_the_request_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> None:
        raise LookupError(SECRET)

    monkeypatch.setattr(module, "present", failing)
    with served(tmp_path / "l", releases.PROMOTED) as ask, pytest.raises((http.client.HTTPException, OSError)):
        ask("/flagger/rollback", HOOK_BODY)
    shown = capfd.readouterr().err
    assert "LookupError" in shown
    assert SECRET not in shown


def test_the_moment_of_asking_counts(tmp_path: Path) -> None:
    settings = releases.write(tmp_path / "l", releases.without_gate(releases.COLLECTING))
    with answering(settings, releases.BEGAN + timedelta(days=3)) as ask:
        late = ask("/verdict").document
    assert late["verdict"] == "HOLD"
    assert "at most 48 h are planned" in json.dumps(late["reasons"])
