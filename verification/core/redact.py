"""Secrets leave a text before it is kept anywhere. Equal secrets keep equal stand-ins, so they can be compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import quote

SECRET_HEADERS = frozenset({"cookie", "set-cookie"})
"""Header names that hold a secret beside those whose name says so."""

_WORDS = (
    r"[\w.-]{0,64}(?:password|passwd|secret|token|(?:api|access|auth|private)[_-]?key|credential|authorization"
    r"|session[_-]?id)[\w.-]{0,64}"
)
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
_NUMBER = r"-?\d[\d.eE+-]*"


def _any_of(names: tuple[str, ...]) -> str:
    # Servers and languages write one name with - and with _.
    return "|".join(re.sub(r"\\?-|_", "[_-]", re.escape(name)) for name in names)


def _patterns_for(extra: tuple[str, ...]) -> dict[str, str]:
    """The patterns in which a name stands, with these names beside the ones that are known by themselves."""
    named = _any_of(extra)
    words = rf"(?:{_WORDS}|{named})" if named else _WORDS
    member = rf"(?:{words}|(?:set-)?cookies?)"
    found = {
        "member": rf'(?P<head>"{member}"\s*:\s*")(?P<secret>(?:[^"\\]|\\.)*)(?=")',
        # A JSON text inside a JSON text: its quotes are escaped once, its own escapes twice.
        "nested": rf'(?P<head>\\"{member}\\"\s*:\s*\\")'
        r'(?P<secret>(?:[^"\\]|\\\\(?:\\\\|\\"|[^"\\])|\\[^"\\])*)(?=\\")',
        "deeper": rf'(?P<head>(?<!\\)\\{{2,}}"{member}\\{{2,}}"\s*:\s*\\{{2,}}")'
        r'(?P<secret>(?:[^"\\]++|\\++(?!"))*+)(?=\\+")',
        # A query as a catalog's snapshot holds it: a name and its value side by side.
        "pair": rf'(?P<head>\[\s*"{member}"\s*,\s*")(?P<secret>(?:[^"\\]|\\.)*)(?="\s*\])',
        "quoted": rf"(?P<head>'{member}'\s*:\s*')(?P<secret>(?:[^'\"\\\r\n]|\\.)*)(?=')",
        "assigned quoted": rf"(?P<head>(?<![\w.-]){words}=(?P<quote>'|\\\"|\"(?![,:}}\]\s])))"
        r"(?P<secret>[^'\"\\\r\n]+)(?=(?P=quote))",
        # The slash of a closing tag is escaped where the XML stands inside JSON.
        "element": rf"(?P<head><(?:[\w.-]{{1,64}}:)?{words}(?:\s[^<>]{{0,1000}})?>(?:<!\[CDATA\[)?)"
        r"(?P<secret>(?:[^<\]]|\](?!\]>))+)(?=\]\]>|<\\?/)",
        # Forms of many frameworks write user[password], the brackets percent-encoded.
        "assigned": rf"(?P<head>(?<![\w.-]){words}(?:\]|%5[Dd])?=)(?P<secret>{_DONE_TEXT}|{_IN_WORD})",
    }
    if named:
        # A number is a secret only where a person said so; among the known names are many that count things.
        found["number"] = rf'(?P<head>(?<!\\)(?P<mark>\\*")(?:{named})(?P=mark)\s*:\s*)(?P<number>{_NUMBER})'
        found["line"] = rf"(?P<head>(?<![\w.-])(?:{named})[ \t]*:[ \t]*)(?P<secret>(?:[^\r\n\"\\]|\\[^rn\r\n])+)"
    return found


_HEADER_LINE = (
    r"(?P<head>\b(?:proxy-authorization|authorization|set-cookie|cookie)\b[ \t]*[:=][ \t]*)"
    r"(?P<secret>(?:[^\r\n\"\\]|\\[^rn\r\n])+)"
)
_LINE_NAME = (
    r"(?:x-[\w-]{0,40}(?:key|token|secret|auth)[\w-]{0,40}"
    r"|[\w-]{0,40}(?:api|auth|access|refresh|session)[_-]?(?:key|token|id)|password|passwd)"
)
_NAMED_LINE = (
    rf"(?P<head>(?<![\w.-]){_LINE_NAME}[ \t]*:[ \t]*)"
    rf"(?P<secret>{_DONE_TEXT}|(?:[^&\s\"'\\,;]|{_UNICODE})+)"
)
# After "basic" and "bearer" people write words, too; a credential holds a digit, a sign or a capital letter.
_BEARER = r"(?P<head>\b(?i:bearer|basic)\s+)(?P<secret>(?=\S*[0-9=]|\S+[A-Z])[A-Za-z0-9+/_.~=-]{8,})"

_JWT = r"\beyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{0,2000}"


def _joined(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{link}id" for name in names for link in ("", "_", "-"))


_NAMES = ("passw", "secret", "token", "key", "credential", "authorization", *_joined("session"))
_MEMBERS = (*_NAMES, "cookie")
_LINES = ("key", "token", "secret", "auth", "passw", *_joined("api", "access", "refresh", "session"))
_Patterns = tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]


@lru_cache(maxsize=16)
def _patterns(extra: tuple[str, ...]) -> _Patterns:
    """(words, pattern): without one of the words, in small letters, a pattern finds nothing, and looking for words is
    much faster."""
    # The longest part of a name that no spelling changes.
    also = tuple(max(re.split(r"[-_]", small_letters(name)), key=len) for name in extra)
    named = _patterns_for(extra)
    words = {"assigned quoted": _NAMES, "assigned": _NAMES, "number": (), "line": ()}
    return (
        (("@",), re.compile(_URL_CREDENTIALS, re.IGNORECASE)),
        *((words.get(kind, _MEMBERS) + also, re.compile(text, re.IGNORECASE)) for kind, text in named.items()),
        (("authorization", "cookie"), re.compile(_HEADER_LINE, re.IGNORECASE)),
        (_LINES, re.compile(_NAMED_LINE, re.IGNORECASE)),
        (("bearer", "basic"), re.compile(_BEARER)),
        (("eyj",), re.compile(rf"(?P<head>)(?P<secret>{_JWT})", re.ASCII)),
    )


_FOLDED = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}
"""The signs outside ASCII that a pattern takes for a letter when it ignores case."""
_DONE = re.compile(_DONE_TEXT)
_LEAF = re.compile(r'"(?P<leaf>(?:[^"\\]|\\.)*+)(?:"|\\?\Z)(?P<named>\s*:)?', re.DOTALL)
"""A text of a document, maybe cut off; `named` where it is a member's name."""
_MEMBER = rf"{_WORDS}|(?:set-)?cookies?"
_SECRET_NAME = re.compile(rf"{_WORDS}|{_LINE_NAME}", re.IGNORECASE)
_SHORT_NAMES = frozenset(
    {"auth", "bearer", "csrf", "jwt", "otp", "passphrase", "pin", "pwd", "pass", "sid", "sig", "signature", "xsrf"}
)
"""Names that mostly hold a secret, and are too short or too usual to be looked for inside other words."""
_RANDOM_NAMES = frozenset({"key", "code", "session", "state", "nonce", "ticket", "assertion"})
"""Names that hold a secret where their value looks drawn at random."""
_RANDOM = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[!-~]{16,}", re.ASCII)
_SIGNED = re.compile(_JWT, re.ASCII)
"""A JSON Web Token, wherever it stands."""
_DECODER = json.JSONDecoder()
_also_secret: tuple[str, ...] = ()
_values: tuple[str, ...] = ()
_LEAST_VALUE = 6
"""Signs of a value below which it stands in words that mean something else."""


def also_secret(names: Iterable[str]) -> None:
    """From now on these names of headers, query parameters and body members are secret, too, in all of this process.

    A person says once what is secret; a place that had to be told by itself and was forgotten would be a leak.
    """
    global _also_secret  # noqa: PLW0603  # only ever grows
    _also_secret = tuple(sorted({*_also_secret, *names}))


def secret_values(values: Iterable[str]) -> None:
    """From now on these values are secret wherever they stand, whatever their name, in all of this process.

    Values of fewer than six signs are left to their names.
    """
    global _values  # noqa: PLW0603  # only ever grows
    spelled = {*_values}
    for value in values:
        if len(value) >= _LEAST_VALUE:
            spelled |= {value, json.dumps(value)[1:-1], quote(value, safe="")}
    # The longest first: one may hold the other.
    _values = tuple(sorted(spelled, key=lambda value: (-len(value), value)))


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
        return tuple((name, self.named(name, value)) for name, value in headers)

    def named(self, name: str, value: str) -> str:
        """The value of a header or query parameter: replaced as a whole where the name is secret, else searched."""
        if not is_secret_name(name):
            return self.text(value)
        return value if _DONE.fullmatch(value) else self._stand_in(value)

    def _stand_in(self, secret: str) -> str:
        plain = _unescaped(secret).encode("utf-8", "surrogatepass")
        return f"[redacted {hashlib.blake2b(plain, key=self.salt[:64], digest_size=4).hexdigest()}]"


_BRACKETED = re.compile(r".*\[([^\[\]]+)\]")


def is_secret_name(name: str) -> bool:
    """True where all that stands under this name is a secret: by itself, or because a person said so."""
    name = _BRACKETED.sub(r"\1", name)
    spelled = _spelled(name)
    known = spelled in SECRET_HEADERS or _SECRET_NAME.fullmatch(name) is not None
    return known or any(spelled == _spelled(other) for other in _also_secret)


def is_secret(name: str, value: str) -> bool:
    """True where a parameter or member of that name may hold what must not be written for others to read.

    Beyond `is_secret_name` it guesses: for what is written once and never compared, a guess too many costs little.
    """
    if is_secret_name(name):
        return True
    last = re.split(r"[^a-z0-9]+", small_letters(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name[:200])))
    if _SHORT_NAMES & set(last) or (_RANDOM_NAMES & set(last) and _RANDOM.fullmatch(value)):
        return True
    return _SIGNED.search(value) is not None or redact_text(value) != value


def _spelled(name: str) -> str:
    return small_letters(name).replace("_", "-")


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
    def hidden(secret: str) -> str:
        return secret if _DONE.fullmatch(secret) else stand_in(secret)

    def replace(match: re.Match[str]) -> str:
        found = match.groupdict()
        if found.get("number") is not None:
            # Another stand-in than that of the same digits as a text, or a changed type would look equal.
            return f"{found['head']}{found['mark']}{stand_in('number ' + found['number'])}{found['mark']}"
        return str(match["head"]) + hidden(match["secret"])

    small = small_letters(text)
    if _also_secret:
        text = _without_values(text, _opening(_any_of(_also_secret)), lambda inside: f'"{stand_in(inside)}"')
    if any(word in small for word in _MEMBERS):
        # Names and numbers stay: what is secret in a document under a name such as "tokens" are its texts.
        leaves = partial(_LEAF.sub, lambda text: text[0] if text["named"] else f'"{hidden(text["leaf"])}"')
        text = _without_values(text, _opening(_MEMBER), leaves)
    for words, pattern in _patterns(_also_secret):
        if any(word in small for word in words):
            text = pattern.sub(replace, text)
    # Last: a value may be a word such as "password", by whose name others are found.
    for value in _values:
        if value in text:
            text = text.replace(value, stand_in(value))
    return text


@lru_cache(maxsize=16)
def _opening(names: str) -> re.Pattern[str]:
    return re.compile(rf'"(?:{names})"\s*:\s*(?=[\[{{])', re.IGNORECASE)


def _without_values(text: str, opening: re.Pattern[str], hide: Callable[[str], str]) -> str:
    """The text in which each list or object that follows an opening is hidden."""
    parts, begun = [], 0
    while found := opening.search(text, begun):
        try:
            _, end = _DECODER.raw_decode(text, found.end())
        except (ValueError, RecursionError):
            end = len(text)  # nobody can tell where it ends
        parts += [text[begun : found.end()], hide(text[found.end() : end])]
        begun = end
    return "".join([*parts, text[begun:]])


def small_letters(text: str) -> str:
    """The text in which each sign that is a letter of ASCII to a search without case is that letter, a small one."""
    return (text if text.isascii() else text.translate(_FOLDED)).lower()
