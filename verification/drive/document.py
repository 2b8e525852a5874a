"""A description of a service, fetched by its address: one GET, bounded in size and time, on one host only."""

from __future__ import annotations

import time

import httpx

from verification.core.errors import TargetError, UsageError
from verification.core.redact import redact_text

MOST_BYTES = 50_000_000
MOST_REDIRECTS = 3
STEP_S, WHOLE_S = 10.0, 60.0
_HEADERS = {"accept": "application/json, application/yaml, */*", "accept-encoding": "identity"}


def fetch(url: str, transport: httpx.BaseTransport | None = None) -> bytes:
    """The document at an http or https address.

    Raises UsageError for another kind of address, TargetError where it cannot be had: redirects to another host are
    not followed, and an answer that is compressed, endless or slow is not waited for.
    """
    try:
        asked = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{redact_text(url)}: is no address: {error}") from error
    if asked.scheme not in ("http", "https") or not asked.host:
        raise UsageError(f"{redact_text(url)}: is no address to fetch from; valid: http://… or https://…, or a file")
    shown, deadline = str(asked.copy_with(userinfo=b"", query=None, fragment=None)), time.monotonic() + WHOLE_S
    # trust_env off: a proxy from the environment would put a third party between this and the service.
    with httpx.Client(transport=transport, timeout=STEP_S, follow_redirects=False, trust_env=False) as client:
        try:
            return _follow(client, asked, shown, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise TargetError(
                f"{shown}: could not be fetched: {redact_text(str(error)) or type(error).__name__}"
            ) from error


def _follow(client: httpx.Client, asked: httpx.URL, shown: str, deadline: float) -> bytes:
    here = asked
    for _ in range(MOST_REDIRECTS + 1):
        with client.stream("GET", here, headers=_HEADERS) as response:
            if not response.is_redirect:
                return _read(response, shown, deadline)
            there = here.join(response.headers["location"])
        if (there.scheme, there.host, there.port) != (asked.scheme, asked.host, asked.port):
            raise TargetError(
                f"{shown}: leads to another host, {there.copy_with(userinfo=b'', query=None)}, which was not followed; "
                "name that address if it is the one"
            )
        here = there
    raise TargetError(f"{shown}: leads from one address to the next more than {MOST_REDIRECTS} times")


def _read(response: httpx.Response, shown: str, deadline: float) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise TargetError(
            f"{shown}: answered {response.status_code} instead of a document; if it asks for a login, save it "
            "to a file and name that"
        )
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TargetError(f"{shown}: answered compressed although that was not asked for; save the document to a file")
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TargetError(f"{shown}: is larger than {MOST_BYTES // 1_000_000} MB")
        if time.monotonic() > deadline:
            raise TargetError(f"{shown}: took longer than {WHOLE_S:g} s")
    return bytes(body)
