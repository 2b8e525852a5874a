"""A backend's own address in what it answers: two backends name themselves and mean the same by it."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

ADDRESS = "«address»"
"""Stands for the address that was asked. Another one stays as it is: a link to the other side is a difference."""

_USUAL_PORTS = {"http": 80, "https": 443}


def without_own_address(text: str, base_url: str) -> str:
    """The text with the base URL that was asked replaced, in links for sockets and with JSON's escaped slashes too."""
    return _links_to(base_url).sub(ADDRESS, text)


@lru_cache(maxsize=64)
def _links_to(base_url: str) -> re.Pattern[str]:
    parts = urlsplit(base_url)
    # Credentials belong to the caller; no backend repeats them in its links.
    host = parts.netloc.rpartition("@")[2]
    usual = f":{_USUAL_PORTS[parts.scheme]}"
    port = ""
    if parts.port is None or host.endswith(usual):
        host, port = host.removesuffix(usual), f"(?:{usual})?"
    path = r"\\?/".join(re.escape(step) for step in parts.path.rstrip("/").split("/"))
    # What goes on in a name or a port is another address: 127.0.0.1:80 and :8000, example.org and example.org.uk.
    link = rf"\b(?:https?|wss?):\\?/\\?/{re.escape(host)}{port}{path}(?![\w:@-]|\.\w)"
    return re.compile(link, re.IGNORECASE | re.ASCII)
