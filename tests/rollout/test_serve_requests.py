"""Requests that the server should not answer are refused: in words, in time, without a trace of a secret."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rollout import releases
from tests.rollout.releases import (
    HOOK_BODY,
    Ask,
    answering,
    served,
    settings_of,
    told,
)
from verification.core.errors import SettingsError, UsageError
from verification.rollout import serve as module
from verification.rollout.serve import MOST_BODY_BYTES, TOKEN, ReleaseServer, serve, token_from

SECRET = "hunter2hunter2hunter2"
HOOKS = ("/flagger/confirm", "/flagger/check", "/flagger/rollback", "/flagger/event")


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
    known = {"Authorization": f"Bearer {TOKEN_VALUE}"}
    wrong = ["", "Bearer ", f"Bearer {TOKEN_VALUE}x", f"Basic {TOKEN_VALUE}", TOKEN_VALUE, "Bearer é"]
    bodies = {"/verdict": None, "/metrics": None, "/x": None} | dict.fromkeys(HOOKS, HOOK_BODY)
    with answering(settings, releases.AFTER_A_DAY, TOKEN_VALUE) as ask:
        for path, body in bodies.items():
            for bad in wrong:
                answer = ask(path, body, headers={"Authorization": bad})
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), bad
            assert ask(path, body).status == 401
            right = ask(path, body, headers=known).status
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
