"""A change of the verdict is told to a webhook whose URL is a secret; what goes wrong is a reason, never an error."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from tests.serving import serving
from verification.core.errors import SettingsError
from verification.drive import webhook
from verification.drive.webhook import filled_in, notify
from verification.settings import load_settings
from verification.settings.release import NotifySettings

NAME = "GATE_TEST_WEBHOOK"
PLANTED = "planted-in-the-path"
VALUES = {
    "percent": "10",
    "verdict": "HOLD",
    "former": "INCONCLUSIVE",
    "reason": "P95: +12 %",
    "action": "wait",
    "event": "verdict",
    "at": "2026-11-23T08:00:00+00:00",
}


@contextmanager
def receiving(status: int = 200, headers: Mapping[str, str] | None = None) -> Iterator[tuple[str, list[Any]]]:
    """A webhook that answers with this status: its URL, and what it was sent."""
    got: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        received: ClassVar = got

        def do_POST(self) -> None:
            got.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(PLANTED.encode())

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Quiet."""

    with serving(Receiver) as base:
        yield f"{base}/hooks/{PLANTED}?key={PLANTED}", got


def told(monkeypatch: pytest.MonkeyPatch, url: str, **settings: Any) -> str | None:
    monkeypatch.setenv(NAME, url)
    return notify(NotifySettings(environment=NAME, **settings), VALUES)


def test_the_template_is_sent_with_the_values_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as (url, got):
        assert told(monkeypatch, url) is None
    ((path, headers, body),) = got
    assert path == f"/hooks/{PLANTED}?key={PLANTED}"
    assert {name.lower(): value for name, value in headers.items()}["content-type"] == "application/json"
    assert json.loads(body) == {"text": "10 %: HOLD. P95: +12 %\nNext: wait"}


@pytest.mark.parametrize("source", ["environment", "file"])
def test_the_url_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str) -> None:
    file = tmp_path / "url"
    settings = NotifySettings(environment=NAME) if source == "environment" else NotifySettings(file=file)
    reason = notify(settings, VALUES)
    assert reason is not None
    assert "release.notify" in reason
    with receiving(201) as (url, got):
        monkeypatch.setenv(NAME, url)
        file.write_text(f"{url}\nsecond line\n", encoding="utf-8")
        assert notify(settings, VALUES) is None
    assert len(got) == 1


@pytest.mark.parametrize(
    "reason",
    [
        '"',
        '"}, "admin": {"a": "',
        "\\",
        "\n\r\t\x00\x1b",
        "{action}",
        "{percent} {{verdict}}",
        "\ud83d",
        "é 前",
        "</script>",
    ],
)
def test_a_value_can_neither_break_nor_extend_the_document(reason: str) -> None:
    template = '{"text": "a {reason} b", "list": [{"reason": "{reason}"}, 1, null, true], "plain": "{}"}'
    document = json.loads(filled_in(template, {**VALUES, "reason": reason}))
    assert document == {"text": f"a {reason} b", "list": [{"reason": reason}, 1, None, True], "plain": "{}"}


def test_a_value_is_sent_without_secrets_and_bounded() -> None:
    long = json.loads(filled_in('{"text": "{reason}"}', {"reason": f"password={PLANTED} {'x' * 100_000}"}))
    assert PLANTED not in long["text"]
    assert len(long["text"]) <= 2000


def test_a_value_that_is_missing_is_told_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as (url, got):
        monkeypatch.setenv(NAME, url)
        assert "{reason}" in (notify(NotifySettings(environment=NAME), {"percent": "10", "verdict": "HOLD"}) or "")
    assert got == []


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_is_told_by_its_status_only(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with receiving(status) as (url, _):
        assert told(monkeypatch, url) == f"the webhook answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with receiving() as (elsewhere, got), receiving(status, {"Location": elsewhere}) as (url, _):
        reason = told(monkeypatch, url)
    assert reason == f"the webhook answered {status}, a redirect, which is not followed"
    assert got == []


def closed_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.mark.parametrize(
    "url",
    [
        "",
        "planted",
        "ftp://planted.example/x",
        "http:///planted",
        "http://[planted",
        "http://planted.example:99999/x",
        "http://pl\x00anted.example/",
        "http://planted.invalid/x",
        "file:///etc/planted",
        "http://user:planted@127.0.0.1:CLOSED/planted",
        "https://127.0.0.1:CLOSED/planted?key=planted",
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_it(tmp_path: Path, url: str) -> None:
    url = url.replace("CLOSED", str(closed_port()))
    file = tmp_path / "url"
    file.write_text(url, encoding="utf-8")
    reason = notify(NotifySettings(file=file), VALUES)
    assert reason
    assert "planted" not in reason.replace(str(tmp_path), "")


def test_a_url_put_where_its_variable_is_named_is_not_told() -> None:
    reason = notify(NotifySettings(environment="https://hooks.example/planted"), VALUES)
    assert reason is not None
    assert "planted" not in reason


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in (notify(NotifySettings(file=tmp_path), VALUES) or "")


def test_a_webhook_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LONGEST_S", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        reason = told(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}/{PLANTED}")
    assert reason == "the webhook did not answer within 0.2 s"


@pytest.mark.parametrize("hanging", ["a name", "a file"])
def test_what_no_limit_can_be_given_to_is_not_waited_for_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hanging: str
) -> None:
    free = threading.Event()
    monkeypatch.setattr(webhook, "LONGEST_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: free.wait(60) and [])
    file = tmp_path / "url"
    if hanging == "a file":
        os.mkfifo(file)
    else:
        file.write_text(f"http://hooks.example/{PLANTED}")
    try:
        assert notify(NotifySettings(file=file), VALUES) == "the webhook did not answer within 0.2 s"
    finally:
        free.set()
        if hanging == "a file":
            # No target of any other test: it is a secret of this process from now on.
            file.write_text(f"http://127.0.0.1:9/{PLANTED}")


def test_a_file_that_is_read_too_late_sends_nothing_any_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By then something else may have been told, and this be over."""
    monkeypatch.setattr(webhook, "LONGEST_S", 0.2)
    file = tmp_path / "url"
    os.mkfifo(file)
    with receiving() as (url, got):
        assert "within 0.2 s" in (notify(NotifySettings(file=file), VALUES) or "")
        late = [one for one in threading.enumerate() if one.daemon and "lambda" in one.name]
        file.write_text(url)
        for one in late:
            one.join(10)
            assert not one.is_alive()
    assert late
    assert got == []


@pytest.mark.parametrize(
    "section",
    [
        f"[release.notify]\nfile = 'https://hooks.example/{PLANTED}'",
        f"[release]\nnotify = 'https://hooks.example/{PLANTED}'",
        f"[release.notify]\nurl = 'https://hooks.example/{PLANTED}'",
    ],
)
def test_a_url_that_stands_in_the_settings_is_refused_without_being_told(tmp_path: Path, section: str) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text(section, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"release\.notify") as caught:
        load_settings(file, {}, {})
    assert PLANTED not in str(caught.value)


def test_the_url_stands_in_no_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiving() as (url, got):
        assert told(monkeypatch, url.replace("http://", "http://user:planted-in-front@")) is None
    assert got
    assert PLANTED not in caplog.text
    assert "planted-in-front" not in caplog.text
    assert base64.b64encode(b"user:planted-in-front").decode() not in caplog.text


def test_user_and_password_of_the_url_are_sent_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as (url, got):
        assert told(monkeypatch, url.replace("http://", "http://us%40er:pass@")) is None
    ((_, headers, _),) = got
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent["authorization"] == f"Basic {base64.b64encode(b'us@er:pass').decode()}"


def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65_536)
                    time.sleep(0.001)
            except OSError:
                ended.append(True)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Quiet."""

    with serving(Endless) as base:
        assert told(monkeypatch, base) is None
    assert ended == [True]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{", "no JSON"),
        ('"{reason}"', "JSON object"),
        ("[" * 20_000, "no JSON"),
        ('{"text": "{events}"}', "{events} is filled in by nobody; valid: {percent}, {verdict}, {former}, {reason}, "),
        ('{"text": "{reasons}"}', "{reasons} is filled in by nobody"),
        ('{"text": ["{percent}", {"deep": "{url}"}]}', "{url} is filled in by nobody"),
    ],
)
def test_a_template_that_nobody_can_fill_in_is_refused_when_the_settings_are_read(
    tmp_path: Path, template: str, said: str
) -> None:
    with pytest.raises(ValidationError):
        NotifySettings(environment=NAME, template=template)
    file = tmp_path / "rollout.toml"
    file.write_text(f"[release.notify]\nenvironment = '{NAME}'\ntemplate = '{template}'\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, {})
    assert said in str(caught.value)
    assert "release.notify.template" in str(caught.value)


def test_the_usual_template_and_one_without_places_can_be_used() -> None:
    assert json.loads(filled_in(NotifySettings(environment=NAME).template, VALUES))
    assert filled_in(NotifySettings(environment=NAME, template="{}").template, {}) == "{}"
