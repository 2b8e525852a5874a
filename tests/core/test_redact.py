"""No secret survives, equal secrets stay equal, and what is no secret stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.redact import Redactor, redact_text

REDACTOR = Redactor(b"salt-of-this-run")
SECRET = "s3cr3t-canary"
PLANTED = [
    f"rtsp://gate:{SECRET}@10.0.0.1/stream",
    f"rtsp://{SECRET}@10.0.0.1/stream",
    f"rtsp://gate:p@{SECRET}@10.0.0.1/stream",
    f'{{"source": "https:\\/\\/gate:{SECRET}@host/x"}}',
    f'{{"password": "{SECRET}", "a": 1}}',
    f'{{"api_key":"{SECRET}"}}',
    f'{{"X-Access-Token" : "{SECRET}"}}',
    f"GET /x?a=1&access_token={SECRET}&b=2",
    f"/x?token={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"cookie: session={SECRET}; other=1",
    f"Set-Cookie: id={SECRET}",
    f"sent with bearer {SECRET}",
    f"proxy-authorization=Basic {SECRET}",
]


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_secret_is_gone(text: str) -> None:
    assert SECRET not in REDACTOR.text(text)
    assert SECRET not in redact_text(text)
    assert "[redacted" in REDACTOR.text(text)


@pytest.mark.parametrize("text", PLANTED)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert REDACTOR.text(REDACTOR.text(text)) == REDACTOR.text(text)
    assert redact_text(redact_text(text)) == redact_text(text)


def test_equal_secrets_have_equal_stand_ins_and_others_do_not() -> None:
    one, same, other = (REDACTOR.text(f"?token={secret}") for secret in ("a" * 9, "a" * 9, "b" * 9))
    assert one == same
    assert one != other
    assert REDACTOR.text("?token=abc") != Redactor(b"another salt").text("?token=abc")


def test_secret_headers_lose_their_value_and_others_are_searched() -> None:
    headers = (
        ("Authorization", SECRET),
        ("set-cookie", f"id={SECRET}"),
        ("location", f"http://u:{SECRET}@h/"),
        ("a", "b"),
    )
    kept = REDACTOR.headers(headers)
    assert SECRET not in str(kept)
    assert [name for name, _ in kept] == ["Authorization", "set-cookie", "location", "a"]
    assert kept[3] == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        '{"name": "token of thanks"}',
        "http://host/path?x=1",
        "user@example.com",
        '{"a": "cookie jar"}',
        "1 @ 2",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_header_inside_a_json_text_does_not_swallow_the_rest_of_the_body() -> None:
    body = json.dumps({"detail": f"cookie: {SECRET}", "ok": True})
    assert json.loads(REDACTOR.text(body))["ok"] is True


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_a_json_body_stays_json(members: dict[str, str]) -> None:
    body = json.dumps({**members, "password": "x y", "url": "rtsp://a:b@h/"})
    assert set(json.loads(REDACTOR.text(body))) == {*members, "password", "url"}
