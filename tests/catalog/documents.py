"""Foreign documents for the tests of a first catalog, with secrets planted in them."""

from __future__ import annotations

import base64
from typing import Any

CANARIES = (
    "c4n4ry-bearer-77aa", "c4n4ry-cookie-88bb", "c4n4ry-password", "c4n4ry-apikey-99cc", "c4n4ry-answer-11dd",
    "c4n4ry-header-22ee", "c4n4ry-form-33ff", "c4n4ry-setcookie-44", "c4n4ry-url", "c4n4ry-basic", "c4n4ry-refresh-55",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c4n4rysig",
)  # fmt: skip
"""Each is planted once at least; none may be in a byte that is written or a line that is printed."""
(
    BEARER, COOKIE, PASSWORD, API_KEY, ANSWERED, HEADER, FORM, SET_COOKIE, IN_URL, BASIC, REFRESH, SIGNED,
) = CANARIES  # fmt: skip


def described(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An OpenAPI document with these paths."""
    return {"openapi": "3.0.3", "info": {"title": "things", "version": "1"}, "paths": paths, **more}


def answer(schema: dict[str, Any], status: str = "200") -> dict[str, Any]:
    """The answers of an operation."""
    return {status: {"description": "done", "content": {"application/json": {"schema": schema}}}}


def entry(
    method: str, url: str, status: int = 200, answered: str = "{}", posted: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None, set_headers: dict[str, str] | None = None, kind: str = "application/json",
) -> dict[str, Any]:  # fmt: skip
    """One entry of a HAR file."""
    request: dict[str, Any] = {"method": method, "url": url, "headers": _pairs(headers)}
    if posted is not None:
        request["postData"] = posted
    content = {"mimeType": kind, "text": answered}
    return {"request": request, "response": {"status": status, "headers": _pairs(set_headers), "content": content}}


def har(*entries: dict[str, Any]) -> dict[str, Any]:
    """A HAR file."""
    return {"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": list(entries)}}


def _pairs(headers: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in (headers or {}).items()]


def secret_traffic() -> dict[str, Any]:
    """A HAR file in which every canary is planted, some in more than one place."""
    basic = base64.b64encode(f"gate:{BASIC}".encode()).decode()
    signed_in = {"authorization": f"Bearer {BEARER}", "cookie": f"sid={COOKIE}; theme=dark", "x-api-key": HEADER}
    json_type = {"mimeType": "application/json"}
    moment = '{"created_at": "2026-01-01T00:00:00Z"}'
    remark = {"mimeType": "text/plain", "text": f"remember {SET_COOKIE}"}
    return har(
        entry(
            "POST", "https://api.example/login", 200, f'{{"access_token": "{ANSWERED}", "id": 7}}',
            {**json_type, "text": f'{{"user": "kim", "password": "{PASSWORD}", "source": "rtsp://a:{IN_URL}@h/x"}}'},
            set_headers={"set-cookie": f"sid={SET_COOKIE}; Path=/"},
        ),
        entry("GET", "https://api.example/things?limit=5", headers=signed_in, answered=moment),
        entry("GET", f"https://api.example/things?api_key={API_KEY}", headers={"Authorization": f"Basic {basic}"}),
        # Secrets turn up where their name does not tell: in a path, in a harmless parameter, in free text.
        entry("GET", f"https://api.example/files/{ANSWERED}/meta"),
        entry("GET", f"https://api.example/things?cursor={COOKIE}&from={BASIC}&assertion={SIGNED}"),
        entry("POST", "https://api.example/notes", 201, "{}", remark),
        entry(
            "POST", "https://api.example/token", 200, "{}",
            {"mimeType": "application/x-www-form-urlencoded", "text": f"user=kim&refresh_token={REFRESH}&otp={FORM}"},
        ),
        entry("GET", f"https://api.example/share/{SIGNED}/x;jsessionid=c4n4ry-path-66"),
        entry("GET", f"https://other.example/track?token={API_KEY}"),
    )  # fmt: skip
