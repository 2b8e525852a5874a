"""Tells a webhook that the verdict has changed. Its URL is a secret, and no trouble with it may stop a release."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from verification.core.errors import SettingsError
from verification.core.printable import visible
from verification.core.redact import redact_text, secret_values
from verification.drive.transport import Transport
from verification.settings.release import PLACE, NotifySettings

_WHOLE_S = 5.0
_MOST_SIGNS = 2000
"""Of one value; chats refuse long messages as a whole."""


def notify(settings: NotifySettings, values: Mapping[str, str]) -> str | None:
    """Post the template with the values filled in; None once it was taken, else why not. Never raises.

    The reason names neither the URL nor anything that the other side said. Redirects are not followed.
    """
    try:
        url = _url(settings)
        body = filled_in(settings.template, values)
        status = _post(url, body)
    except SettingsError as error:
        return str(error)
    except httpx.TimeoutException:
        return f"the webhook did not answer within {_WHOLE_S:g} s"
    except (httpx.HTTPError, OSError, ValueError) as error:
        # Its own words may hold the URL.
        return f"the webhook could not be reached: {type(error).__name__}"
    if httpx.codes.is_success(status):
        return None
    moved = ", a redirect, which is not followed" if httpx.codes.is_redirect(status) else ""
    return f"the webhook answered {status}{moved}"


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


def _post(url: httpx.URL, body: str) -> int:
    """The status of the answer; its body is not read."""
    try:
        transport = Transport(_WHOLE_S)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"release.notify: no certificates can be read: {type(error).__name__}.") from None
    # trust_env off: a proxy from the environment would learn what is told.
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as client:
        asked = client.build_request("POST", url, content=body.encode(), headers={"content-type": "application/json"})
        answer = client.send(asked, stream=True)
        answer.close()
        return answer.status_code
