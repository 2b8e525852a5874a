"""Secrets of recorded traffic: found first, then kept out of everything that is written, wherever they turn up."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from verification.catalog.sketch import fill_in
from verification.core.model import Json
from verification.core.redact import SECRET_HEADERS, is_secret, redact_text

_LEAST = 6
"""A shorter secret is left out where it stands, but not looked for elsewhere: `1` stands everywhere."""
_WORD = 16
"""So is a shorter one of nothing but letters: `dark` may be a cookie and a camera."""
_HARMLESS_HEADERS = frozenset({"authority", ":authority"})
_PLACEHOLDER = fill_in("secret")


@dataclass(slots=True)
class Withheld:
    """Collects secrets and leaves them out. `names` are further names of parameters that hold one."""

    names: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    """What was left out, without its value: `header authorization`, `query api_key` …"""
    _values: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    """First characters -> length -> secrets."""

    def header(self, name: str, value: str) -> None:
        """A header is never written; one that holds a secret is remembered, to find it elsewhere."""
        plain = name.strip().lower()
        if plain in _HARMLESS_HEADERS or not (plain in self.names or is_secret(name, value)):
            return
        self.told[f"header {plain}"] += 1
        self._remember(value)
        if plain in SECRET_HEADERS:
            for part in value.split(";"):
                self._remember(part.partition("=")[2])
        for word in value.split()[1:]:
            self._remember(word)
            self._remember_basic(word)

    def learn(self, value: Json, name: str = "") -> None:
        """Remember the secrets in a value of which nothing is written."""
        if isinstance(value, dict):
            for key, member in value.items():
                self.learn(member, key)
        elif isinstance(value, list):
            for member in value:
                self.learn(member, name)
        elif isinstance(value, str) and value and (name.lower() in self.names or is_secret(name, value)):
            self._remember(value)

    def pairs(self, place: str, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Parameters with a placeholder for each that holds a secret."""
        return tuple((self.text(name), self._of(place, name, value)) for name, value in pairs)

    def value(self, place: str, value: Any, name: str = "") -> Any:
        """A JSON value, each text in it that holds a secret replaced by a placeholder."""
        if isinstance(value, dict):
            return {self.text(key): self.value(place, member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [self.value(place, member, name) for member in value]
        return self._of(place, name, value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Free text without what was found to be secret."""
        kept: list[str] = []
        at = start = 0
        # By their first characters: a long recording holds many thousands of secrets.
        while at <= len(text) - _LEAST:
            found = self._values.get(text[at : at + _LEAST], {})
            length = next((size for size in sorted(found, reverse=True) if text[at : at + size] in found[size]), 0)
            if length:
                kept += [text[start:at], _PLACEHOLDER]
                start = at + length
            at += length or 1
        kept.append(text[start:])
        return redact_text("".join(kept)).replace("[redacted]", _PLACEHOLDER)

    def everywhere(self, value: Json) -> Json:
        """The value with every text and key in it looked through once more; nothing is decided by names."""
        if isinstance(value, dict):
            return {self.text(key): self.everywhere(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.everywhere(member) for member in value]
        return self.text(value) if isinstance(value, str) else value

    def _of(self, place: str, name: str, value: str) -> str:
        if value == "" or value.startswith(_PLACEHOLDER[:9]):
            return value
        if name.lower() in self.names or is_secret(name, ""):
            self.told[f"{place} {name[:60]}"] += 1
            self._remember(value)
            return fill_in(name)
        kept = self.text(value)
        if kept == value and is_secret(name, value):
            self._remember(value)
            kept = fill_in(name or "secret")
        if kept != value:
            self.told[f"{place} {name[:60]}".strip()] += 1
        return kept

    def _remember(self, value: str) -> None:
        plain = value.strip().strip('"')
        forms = {plain, unquote(plain), unquote_plus(plain), quote(plain, safe=""), quote_plus(plain)}
        for form in forms:
            if len(form) >= _LEAST and not (form.isalpha() and len(form) < _WORD):
                self._values.setdefault(form[:_LEAST], {}).setdefault(len(form), set()).add(form)

    def _remember_basic(self, word: str) -> None:
        """Name and password in a header of Basic authentication."""
        try:
            decoded = base64.b64decode(word, validate=True).decode()
        except (binascii.Error, ValueError):
            return
        if ":" in decoded:
            self._remember(decoded)
            self._remember(decoded.partition(":")[2])
