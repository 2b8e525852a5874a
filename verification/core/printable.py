"""Text of a backend's as text: its control characters never get out, to a terminal or into a report."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, line and paragraph separators, lone surrogates and non-characters: what steers a terminal
# or breaks XML. Bidirectional marks, zero-width characters, soft hyphens and no-break spaces: what makes two values
# look alike that are not.
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_NAMED = {"\t": " ", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """The text on one line, every control or invisible character as its escape."""
    return HIDDEN.sub(lambda match: _NAMED.get(match[0]) or _escape(match[0]), text)


def block(text: str) -> str:
    """The same for a block of several lines: line feeds and tabs stay."""
    return HIDDEN.sub(lambda match: match[0] if match[0] in "\n\t" else _escape(match[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if character in _NAMED and character != "\t":
        return _NAMED[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
