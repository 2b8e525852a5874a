"""The headers that authenticate a request: their values are read where they are needed, and kept nowhere."""

from __future__ import annotations

import base64
import os
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

from verification.core.errors import SettingsError
from verification.core.redact import secret_values
from verification.settings.target import AuthenticationSettings


def authentication(settings: AuthenticationSettings | None) -> dict[str, str]:
    """The header that every request carries; empty without authentication. SettingsError where it cannot be had."""
    if settings is None:
        return {}
    value = _from_environment(settings.environment) if settings.file is None else _from_file(settings.file)
    whole = f"{settings.prefix}{value}"
    # Asked here: clients refuse it with a message that quotes it.
    if not (whole.isascii() and whole.isprintable()):
        origin = settings.environment if settings.file is None else settings.file
        raise SettingsError(
            f"target.authentication: prefix and value (from {origin}) hold a sign that no header can carry. Valid is "
            "one line of printable ASCII."
        )
    secret_values([value])
    return {settings.header: whole}


def url_credentials(url: str) -> dict[str, str]:
    """The header that stands for the user and password of a URL, for every client the same; empty without them."""
    parts = urlsplit(url)
    if not parts.username and not parts.password:
        return {}
    # A key is often given as the user alone.
    secret_values([unquote(parts.password or parts.username or "")])
    said = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(said.encode()).decode()}"}


def _from_environment(name: str | None) -> str:
    value = os.environ.get(name or "", "").strip()
    if not value:
        raise SettingsError(
            f"target.authentication: the environment variable {name} is not set. Set it to the value of the header, or "
            "name a file instead."
        )
    return value


def _from_file(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"target.authentication: {path} cannot be read as text: {error}.") from error
    value = lines[0].strip() if lines else ""
    if not value:
        raise SettingsError(f"target.authentication: the first line of {path} is empty; it must hold the value.")
    return value


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """What a server's certificate is held against: those in the file, else the system's. SettingsError without them."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"target.ca_file: {ca_file} holds no certificates that can be read: {error}.") from error
