"""The curl command under a difference is quoted, forced to its arm, and means exactly the request."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest

from tests.reporting import sample
from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.model import Arm, Exchange, Request
from verification.reporting import curl, plain

MOST = 10_000
USUAL = DEFAULT_ROUTING


def exchange(request: Request, arm: Arm = Arm.CANDIDATE) -> Exchange:
    return replace(sample.exchange(arm, "{}"), request=request)


def spoken(command: str) -> list[str]:
    """The words as bash understands them."""
    script = f"printf '%s\\0' {command}"
    found = subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=20).stdout
    return found.decode("utf-8").split("\0")[:-1]


@pytest.mark.parametrize(("arm", "forced"), [(Arm.CONTROL, "false"), (Arm.CANDIDATE, "true")])
def test_the_request_is_forced_to_its_arm(arm: Arm, forced: str) -> None:
    asked = exchange(Request("PUT", "/api/v1/cameras/a/auto-start", (("auto_start", "true"),)), arm)
    words = shlex.split(curl.command(asked, "https://staging.example/", USUAL, MOST) or "")
    url = f"https://staging.example/api/v1/cameras/a/auto-start?auto_start=true&force_domain={forced}"
    assert words[-3:] == ["-X", "PUT", url]


def test_an_embedded_target_has_a_stand_in_for_its_host() -> None:
    command = curl.command(exchange(Request("GET", "/api/ping")), "embedded", USUAL, MOST)
    assert f"{curl.STAND_IN}/api/ping?force_domain=true" in (command or "")


@pytest.mark.parametrize(
    "body",
    [
        "it's",
        "$(touch owned); `id` && \\ \"'",
        "two\nlines\r\n\ttab",
        "\x1b[2J\x07",
        "é\u200b\u202e\x85\xa0𐍈",
        "@/etc/passwd",
    ],
)
def test_a_shell_understands_the_body_that_was_sent(body: str) -> None:
    command = curl.command(exchange(Request("POST", "/x", (), body, "application/json")), "embedded", USUAL, MOST)
    assert command is not None
    assert not plain.HIDDEN.search(command)
    words = spoken(command)
    assert words[-2:] == ["--data-raw", body]
    assert "Content-Type: application/json" in words


def test_a_path_from_outside_cannot_end_the_url_or_name_another_host() -> None:
    command = curl.command(exchange(Request("GET", "/cameras/a b?x#y'\n@evil/status")), "http://host:1", USUAL, MOST)
    assert spoken(command or "")[-1] == "http://host:1/cameras/a%20b%3Fx%23y'%0A@evil/status?force_domain=true"


@pytest.mark.parametrize("body", ["\0", "x" * (MOST + 1)])
def test_no_command_is_shown_that_could_not_be_typed(body: str) -> None:
    assert curl.command(exchange(Request("POST", "/x", (), body)), "embedded", USUAL, MOST) is None


def test_two_backends_a_header_and_a_prefix_are_told_as_they_were_sent() -> None:
    asked = exchange(Request("GET", "/x"))
    two = Routing("url", "", "https://old.example", "https://new.example:8443", flag=False)
    assert shlex.split(curl.command(asked, "a and b", two, MOST) or "")[-1] == "https://new.example:8443/x"
    headed = shlex.split(curl.command(asked, "http://h", Routing("header", "X-Arm", "0", "1"), MOST) or "")
    assert headed[-3:] == ["http://h/x", "-H", "X-Arm: 1"]
    assert (
        shlex.split(curl.command(asked, "http://h", Routing("path", "", "", "/v2"), MOST) or "")[-1] == "http://h/v2/x"
    )
