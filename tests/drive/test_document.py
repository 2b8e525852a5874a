"""A description is fetched with one bounded GET; nothing leads the request to another host or makes it wait."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import httpx
import pytest

from verification.core.errors import GateError, TargetError, UsageError
from verification.drive import document
from verification.drive.document import fetch

URL = "http://me:planted@service.example/openapi.json?token=planted"


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(handler)


def refusal(handler: Callable[[httpx.Request], httpx.Response], url: str = URL) -> str:
    with pytest.raises(GateError) as caught:
        fetch(url, answering(handler))
    assert "planted" not in str(caught.value)
    return str(caught.value)


def test_the_document_is_what_was_answered() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"{}")

    assert fetch(URL, answering(handler)) == b"{}"
    assert [(request.method, request.headers["accept-encoding"]) for request in asked] == [("GET", "identity")]


def test_a_redirect_on_the_same_host_is_followed_and_one_to_another_is_not() -> None:
    def within(request: httpx.Request) -> httpx.Response:
        moved = request.url.path == "/openapi.json"
        return httpx.Response(307, headers={"location": "/v2.json"}) if moved else httpx.Response(200, content=b"v2")

    assert fetch(URL, answering(within)) == b"v2"
    for there in (
        "https://service.example/x",
        "http://other.example/x",
        "http://service.example:81/x",
        "//other.example/",
    ):
        hosts: list[str] = []

        def away(request: httpx.Request, there: str = there, hosts: list[str] = hosts) -> httpx.Response:
            hosts.append(request.url.host)
            return httpx.Response(302, headers={"location": f"{there}?token=planted"})

        assert "leads to another host" in refusal(away)
        assert hosts == ["service.example"]


def test_redirects_end() -> None:
    said = refusal(lambda _: httpx.Response(302, headers={"location": "/openapi.json"}))
    assert "more than 3 times" in said


def test_too_much_compressed_or_no_document_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_BYTES", 1000)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100

    assert "larger than" in refusal(lambda _: httpx.Response(200, content=endless()))
    packed = {"content-encoding": "gzip"}
    assert "compressed" in refusal(lambda _: httpx.Response(200, headers=packed, content=gzip.compress(b"{}")))
    assert "answered 401" in refusal(lambda _: httpx.Response(401))


def test_a_slow_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "WHOLE_S", -1.0)
    assert "took longer" in refusal(lambda _: httpx.Response(200, content=b"x"))


def test_a_host_that_does_not_answer_is_told_without_its_password() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to http://me:planted@host", request=request)

    assert "could not be fetched" in refusal(handler)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "http://", "http://h:x/", "http://[", "://", "http://h/\x00"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises((UsageError, TargetError)):
        fetch(url, answering(lambda _: httpx.Response(404)))
