"""Secrets leave a text before it is kept anywhere. Equal secrets keep equal stand-ins, so they can be compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

SECRET_HEADERS = frozenset({"cookie", "set-cookie"})
"""Header names that hold a secret beside those whose name says so."""

_WORDS = r"[\w.-]{0,64}(?:password|passwd|secret|token|api[_-]?key|credential|authorization|session[_-]?id)[\w.-]{0,64}"
_MEMBER = rf"(?:{_WORDS}|(?:set-)?cookies?)"
# One character of a secret inside a JSON string: plain, or an escape as a whole, so that no half of one is left.
_UNICODE = r"\\u[0-9a-fA-F]{4}"
# A quote that closes a text is followed by what may follow a text; any other one belongs to the password.
_CLOSES = r"(?![,:;)}\]\s]|$)"
_IN_URL = rf"(?:[^\s/\"'\\]|'{_CLOSES}|\\[\"\\]{_CLOSES}|{_UNICODE})"
_PORT = r"\d{1,5}(?:[/\"'?#\s,;)\]}\\]|$)"
_IN_WORD = rf"(?:[^&\s\"'\\]|{_UNICODE})+"
_DONE_TEXT = r"\[redacted(?: [0-9a-f]{8})?\]"

_URL_CREDENTIALS = (
    r"(?P<head>\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}:(?:\\?/){2})"
    # Up to the last @ before the path; else a password that holds a slash, which no port does.
    rf"(?P<secret>{_IN_URL}{{1,512}}(?=@)|[^\s/:@\[\"'\\]{{0,256}}:(?!{_PORT})(?:{_IN_URL}|\\?/){{1,512}}(?=@))"
)
_JSON_MEMBER = rf'(?P<head>"{_MEMBER}"\s*:\s*")(?P<secret>(?:[^"\\]|\\.)*)(?=")'
# A JSON text inside a JSON text: its quotes are escaped once, its own escapes twice.
_NESTED_MEMBER = rf'(?P<head>\\"{_MEMBER}\\"\s*:\s*\\")(?P<secret>(?:[^"\\]|\\\\(?:\\\\|\\"|[^"\\])|\\[^"\\])*)(?=\\")'
_DEEPER_MEMBER = rf'(?P<head>(?<!\\)\\{{2,}}"{_MEMBER}\\{{2,}}"\s*:\s*\\{{2,}}")(?P<secret>[^"]*?)(?=\\+")'
_QUOTED_MEMBER = rf"(?P<head>'{_MEMBER}'\s*:\s*')(?P<secret>(?:[^'\"\\\r\n]|\\.)*)(?=')"
_ASSIGNED = rf"(?P<head>(?<![\w.-]){_WORDS}=)(?P<secret>{_DONE_TEXT}|{_IN_WORD})"
_ASSIGNED_QUOTED = (
    rf"(?P<head>(?<![\w.-]){_WORDS}=(?P<quote>'|\\\"|\"(?![,:}}\]\s])))(?P<secret>[^'\"\\\r\n]+)(?=(?P=quote))"
)
_HEADER_LINE = (
    r"(?P<head>\b(?:proxy-authorization|authorization|set-cookie|cookie)\b[ \t]*[:=][ \t]*)"
    r"(?P<secret>(?:[^\r\n\"\\]|\\[^rn\r\n])+)"
)
_NAMED_LINE = (
    r"(?P<head>(?<![\w.-])(?:x-[\w-]{0,40}(?:key|token|secret|auth)[\w-]{0,40}"
    r"|[\w-]{0,40}(?:api|auth|access|refresh|session)[_-]?(?:key|token|id)|password|passwd)[ \t]*:[ \t]*)"
    rf"(?P<secret>{_DONE_TEXT}|(?:[^&\s\"'\\,;]|{_UNICODE})+)"
)
# After "basic" and "bearer" people write words, too; a credential holds a digit, a sign or a capital letter.
_BEARER = r"(?P<head>\b(?i:bearer|basic)\s+)(?P<secret>(?=\S*[0-9=]|\S+[A-Z])[A-Za-z0-9+/_.~=-]{8,})"


def _joined(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{link}id" for name in names for link in ("", "_", "-"))


_NAMES = ("passw", "secret", "token", "key", "credential", "authorization", *_joined("session"))
_MEMBERS = (*_NAMES, "cookie")
_LINES = ("key", "token", "secret", "auth", "passw", *_joined("api", "access", "refresh", "session"))
_PATTERNS = (
    # Without one of these words, in small letters, a pattern finds nothing: looking for words is much faster.
    (("@",), re.compile(_URL_CREDENTIALS, re.IGNORECASE)),
    (_MEMBERS, re.compile(_JSON_MEMBER, re.IGNORECASE)),
    (_MEMBERS, re.compile(_NESTED_MEMBER, re.IGNORECASE)),
    (_MEMBERS, re.compile(_DEEPER_MEMBER, re.IGNORECASE)),
    (_MEMBERS, re.compile(_QUOTED_MEMBER, re.IGNORECASE)),
    (_NAMES, re.compile(_ASSIGNED_QUOTED, re.IGNORECASE)),
    (_NAMES, re.compile(_ASSIGNED, re.IGNORECASE)),
    (("authorization", "cookie"), re.compile(_HEADER_LINE, re.IGNORECASE)),
    (_LINES, re.compile(_NAMED_LINE, re.IGNORECASE)),
    (("bearer", "basic"), re.compile(_BEARER)),
)
_FOLDED = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}
"""The signs outside ASCII that a pattern takes for a letter when it ignores case."""
_DONE = re.compile(_DONE_TEXT)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_SHORT_NAMES = frozenset(
    {"auth", "bearer", "csrf", "jwt", "otp", "passphrase", "pin", "pwd", "pass", "sid", "sig", "signature", "xsrf"}
)
"""Names that mostly hold a secret, and are too short or too usual to be looked for inside other words."""
_RANDOM_NAMES = frozenset({"key", "code", "session", "state", "nonce", "ticket", "assertion"})
"""Names that hold a secret where their value looks drawn at random."""
_RANDOM = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[!-~]{16,}", re.ASCII)
_SIGNED = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII)
"""A JSON Web Token, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces secrets by `[redacted 1a2b3c4d]`: the same stand-in for the same secret within one run.

    `salt` must be random and is never written, so that a stand-in cannot be reversed by guessing.
    """

    salt: bytes

    def text(self, text: str) -> str:
        """The text without credentials in URLs, secret members, query parameters and header lines."""
        return _apply(text, self._stand_in)

    def raw(self, body: bytes) -> bytes:
        """Bytes that are no UTF-8, redacted; every byte that is no secret stays as it is."""
        return self.text(body.decode("latin-1")).encode("latin-1")

    def headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The headers, secret ones with their value replaced, the others searched for secrets."""
        return tuple((name, self._header(name, value)) for name, value in headers)

    def _header(self, name: str, value: str) -> str:
        if name.lower() in SECRET_HEADERS or _SECRET_NAME.fullmatch(name):
            return value if _DONE.fullmatch(value) else self._stand_in(value)
        return self.text(value)

    def _stand_in(self, secret: str) -> str:
        plain = _unescaped(secret).encode("utf-8", "surrogatepass")
        return f"[redacted {hashlib.blake2b(plain, key=self.salt[:64], digest_size=4).hexdigest()}]"


def is_secret(name: str, value: str) -> bool:
    """True where a parameter or member of that name holds what must not be kept: by its name, or by its value."""
    last = re.split(r"[^a-z0-9]+", small_letters(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name[:200])))
    if _SECRET_NAME.fullmatch(name[:200]) or _SHORT_NAMES & set(last) or small_letters(name) in SECRET_HEADERS:
        return True
    if _RANDOM_NAMES & set(last) and _RANDOM.fullmatch(value):
        return True
    return _SIGNED.search(value) is not None or redact_text(value) != value


def redact_text(text: str) -> str:
    """For logs and terminals, where nothing is compared: every secret becomes `[redacted]`."""
    return _apply(text, lambda _: "[redacted]")


def _unescaped(secret: str) -> str:
    r"""What the secret says: one arm may write `ü` and the other `\u00fc`, and mean the same password."""
    if "\\" not in secret:
        return secret
    try:
        return str(json.loads(f'"{secret}"'))
    except ValueError:
        return secret


def _apply(text: str, stand_in: Callable[[str], str]) -> str:
    def replace(match: re.Match[str]) -> str:
        secret = match["secret"]
        return match["head"] + (secret if _DONE.fullmatch(secret) else stand_in(secret))

    small = small_letters(text)
    for words, pattern in _PATTERNS:
        if any(word in small for word in words):
            text = pattern.sub(replace, text)
    return text


def small_letters(text: str) -> str:
    """The text in which each sign that is a letter of ASCII to a search without case is that letter, a small one."""
    return (text if text.isascii() else text.translate(_FOLDED)).lower()
