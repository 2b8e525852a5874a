"""Secrets leave a text before it is kept anywhere. Equal secrets keep equal stand-ins, so they can be compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "x-csrf-token"}
)
_WORDS = r"[\w.-]*(?:password|passwd|secret|token|api[_-]?key|credential|authorization|session[_-]?id)[\w.-]*"
_URL_CREDENTIALS = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*:(?:\\?/){2})(?P<secret>[^\s/\"'\\]+)(?=@)", re.IGNORECASE)
_JSON_MEMBER = re.compile(rf'(?P<head>"{_WORDS}"\s*:\s*")(?P<secret>(?:[^"\\]|\\.)*)(?=")', re.IGNORECASE)
_QUERY_MEMBER = re.compile(rf"(?P<head>[?&;]{_WORDS}=)(?P<secret>\[redacted[^\]]*\]|[^&\s\"']+)", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"(?P<head>\b(?:proxy-authorization|authorization|set-cookie|cookie)\b\s*[:=]\s*)(?P<secret>[^\r\n\"]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)(?P<secret>[A-Za-z0-9+/_.~=-]{8,})", re.IGNORECASE)
_PATTERNS = (_URL_CREDENTIALS, _JSON_MEMBER, _QUERY_MEMBER, _HEADER_LINE, _BEARER)
_DONE = re.compile(r"\[redacted(?: [0-9a-f]{8})?\]")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces secrets by `[redacted 1a2b3c4d]`: the same stand-in for the same secret within one run.

    `salt` must be random and is never written, so that a stand-in cannot be reversed by guessing.
    """

    salt: bytes

    def text(self, text: str) -> str:
        """The text without credentials in URLs, secret members, query parameters and header lines."""
        return _apply(text, self._stand_in)

    def headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The headers, secret ones with their value replaced, the others searched for secrets."""
        return tuple(
            (name, self._stand_in(value) if name.lower() in SECRET_HEADERS else self.text(value))
            for name, value in headers
        )

    def _stand_in(self, secret: str) -> str:
        digest = hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), key=self.salt[:64], digest_size=4).hexdigest()
        return f"[redacted {digest}]"


def redact_text(text: str) -> str:
    """For logs and terminals, where nothing is compared: every secret becomes `[redacted]`."""
    return _apply(text, lambda _: "[redacted]")


def _apply(text: str, stand_in: Callable[[str], str]) -> str:
    def replace(match: re.Match[str]) -> str:
        secret = match["secret"]
        return match["head"] + (secret if _DONE.fullmatch(secret) else stand_in(secret))

    for pattern in _PATTERNS:
        text = pattern.sub(replace, text)
    return text
