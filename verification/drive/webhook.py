"""Tells a webhook what is new of a release. Its URL is a secret, and no trouble with it may stop a release."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx

from verification.core.errors import SettingsError
from verification.core.printable import visible
from verification.core.redact import redact_text, secret_values
from verification.drive.transport import Transport
from verification.settings.release import PLACE, NotifySettings

LONGEST_S = 5.0
"""Longest time that telling may take."""
_GRACE_S = 0.1
_HEADERS = {"content-type": "application/json", "user-agent": "release-gate"}
_MOST_SIGNS = 2000
"""Of one value; chats refuse long messages as a whole."""


def notify(settings: NotifySettings, values: Mapping[str, str], within_s: float | None = None) -> str | None:
    """Post the template with the values filled in; None once it was taken, else why not. Never raises.

    It takes `LONGEST_S` seconds at most, or `within_s`. The reason names neither the URL nor anything that the other
    side said. Redirects are not followed.
    """
    limit_s = max(0.0, LONGEST_S if within_s is None else within_s)
    said: list[str | None] = []
    # In a thread, for neither a name that is looked up nor a file that is read can be given a limit.
    end = time.monotonic() + limit_s
    trying = threading.Thread(target=lambda: said.append(_sent(settings, values, limit_s, end)), daemon=True)
    try:
        trying.start()
    except RuntimeError:
        return "no thread could be started for the webhook"
    trying.join(limit_s + _GRACE_S)
    return said[0] if said else _late(limit_s)


def _sent(settings: NotifySettings, values: Mapping[str, str], limit_s: float, end: float) -> str | None:
    try:
        url = _url(settings)
        body = filled_in(settings.template, values)
        status = _post(url, body, end)
    except SettingsError as error:
        return str(error)
    except httpx.TimeoutException:
        return _late(limit_s)
    except Exception as error:  # noqa: BLE001  # its own words, and its traceback, may hold the URL
        return f"the webhook could not be reached: {type(error).__name__}"
    if httpx.codes.is_success(status):
        return None
    moved = ", a redirect, which is not followed" if httpx.codes.is_redirect(status) else ""
    return f"the webhook answered {status}{moved}"


def _late(limit_s: float) -> str:
    return f"the webhook did not answer within {limit_s:.3g} s"


def filled_in(template: str, values: Mapping[str, str]) -> str:
    """The JSON of the template with each {place} in its texts replaced by that value, once, as part of the text.

    SettingsError where a value is missing.
    """
    return json.dumps(_filled(json.loads(template), values), ensure_ascii=True)


def _filled(document: Any, values: Mapping[str, str]) -> Any:
    if isinstance(document, str):
        return PLACE.sub(lambda place: _value(place[1], values), document)
    if isinstance(document, dict):
        return {name: _filled(value, values) for name, value in document.items()}
    return [_filled(value, values) for value in document] if isinstance(document, list) else document


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise SettingsError(f"release.notify.template: there is no value for {{{name}}}.")
    return redact_text(values[name])[:_MOST_SIGNS]


def _url(settings: NotifySettings) -> httpx.URL:
    """Read now, so that a URL that was changed is used without a new start."""
    if settings.file is None:
        # Not by its name: somebody may have put the URL itself there.
        origin = "the environment variable that release.notify.environment names"
        text = os.environ.get(settings.environment or "", "").strip()
    else:
        origin = f"the first line of {settings.file}"
        try:
            text = next(iter(settings.file.read_text(encoding="utf-8").splitlines()), "").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"release.notify: {settings.file} cannot be read as text: {type(error).__name__}."
            ) from None
    secret_values([text])
    try:
        url = httpx.URL(text)
        valid = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        valid = False
    if not valid:
        raise SettingsError(f"release.notify: {visible(origin)} holds no URL. Valid is one such as https://host/path.")
    return url


def _post(url: httpx.URL, body: str, end: float) -> int:
    """The status of the answer; its body is not read. Nothing is sent after `end`."""
    left_s = end - time.monotonic()
    if left_s <= 0:
        # Nobody waits any more, and what is told may be over by now.
        raise httpx.WriteTimeout("too late")
    try:
        transport = Transport(left_s)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"release.notify: no certificates can be read: {type(error).__name__}.") from None
    asked = httpx.Request("POST", url, content=body.encode(), headers=_HEADERS)
    if url.userinfo:
        asked = next(httpx.BasicAuth(url.username, url.password).auth_flow(asked))
    # Without httpx's client, which would log the URL, and let a proxy from the environment learn what is told.
    with transport:
        answer = transport.handle_request(asked)
        answer.close()
        return answer.status_code
