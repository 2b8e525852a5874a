"""A rollback that works without the suite: a plain shell script made of the settings."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from verification.core.errors import UsageError
from verification.settings import Settings

_HEAD = """#!/bin/sh
# Brings every request back to the old implementation. Needs sh{tools}; nothing of the suite.
set -eu
"""
_WAIT = """
# Wait until it is ready.
tries=0
until code=$(curl --silent --show-error --output /dev/null --write-out '%{{http_code}}' --max-time 5{auth} {ready}) &&
    [ "$code" -lt 500 ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge {most} ]; then
        echo "not ready after {most} tries: {ready_shown}" >&2
        exit 1
    fi
    sleep 1
done
echo "0 % is set and the backend answers. Look at the metrics: domain_service.usage_count must not move any more."
"""


def rollback_script(settings: Settings) -> str:
    """The script; UsageError where the settings do not say how a percent is set. Of the
    authentication it holds names only, of [percent] all that stands there."""
    asked = settings.percent
    if not asked.is_known or not settings.target.urls:
        raise UsageError(
            "[percent] in the settings does not say how a percent is set (command, http or file), so no script can."
        )
    base_url, netrc = _without_user(settings.target.urls[0])
    auth = netrc + _certificates(settings) + _authentication(settings)
    if asked.command:
        variables = " ".join(f"{name}={shlex.quote(_filled(value))}" for name, value in asked.environment.items())
        words = " ".join(shlex.quote(_filled(word)) for word in asked.command)
        step = f"env {variables} {words}" if variables else words
    elif asked.http is not None:
        body = "" if asked.http.body is None else f" --data-binary {shlex.quote(_filled(asked.http.body))}"
        kind = f" --header {shlex.quote(f'Content-Type: {asked.http.content_type}')}"
        url = shlex.quote(base_url + _filled(asked.http.path))
        step = f"curl --silent --show-error --fail --max-time 30 --request {asked.http.method}{auth}{kind}{body} {url}"
    else:
        assert asked.file is not None
        place = shlex.quote(str(asked.file.path))
        step = f"printf '%s' {shlex.quote(_filled(asked.file.text))} > {place}.new\nmv {place}.new {place}"
    ready = base_url + settings.target.ready
    most = max(1, int(settings.target.ready_timeout_s))
    wait = _WAIT.format(auth=auth, ready=shlex.quote(ready), ready_shown=ready.replace('"', ""), most=most)
    return _HEAD.format(tools=" and curl") + step + "\n" + wait


def _filled(text: str) -> str:
    return text.replace("{percent}", "0").replace("{enabled}", "false")


def _without_user(url: str) -> tuple[str, str]:
    """The URL without user and password, and what lets curl find these in the caller's .netrc."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), " --netrc"


def _certificates(settings: Settings) -> str:
    ca_file = settings.target.ca_file
    return "" if ca_file is None else f" --cacert {shlex.quote(str(ca_file.resolve()))}"


def _authentication(settings: Settings) -> str:
    """The header by the name of the variable or file that holds its value, never the value."""
    own = settings.target.authentication
    if own is None:
        return ""
    source = f"${{{own.environment}}}" if own.environment else f"$(head -n 1 {shlex.quote(str(own.file))})"
    return f' --header "{own.header}: {own.prefix}{source}"'
