"""Text within Markdown as GitHub and others read it."""

from __future__ import annotations

import re

from verification.core.printable import visible

_MARKUP = re.compile(r"[\\`*_\[\]#|~$]")
# Entities for what makes HTML, and for what GitHub turns into links and mentions without any markup.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", ":": "&#58;"}
_ENTITY = re.compile(r"[&<>@]|:(?=//)")
_WWW = re.compile(r"www\.", re.IGNORECASE)


def text(said: str) -> str:
    """Backend-provided text as text: no markup, no HTML, no link, no mention, no line of its own."""
    escaped = _MARKUP.sub(r"\\\g<0>", visible(said))
    return _WWW.sub(lambda match: match[0].replace(".", "&#46;"), _ENTITY.sub(lambda m: _ENTITIES[m[0]], escaped))


def code(said: str) -> str:
    """Text as it must be typed. A fence that is longer than any within it ends it nowhere else."""
    longest = max(map(len, re.findall("`+", said)), default=0)
    fence = "`" * (longest + 1)
    # One space on each side is no part of it.
    return f"{fence} {said} {fence}" if longest else f"{fence}{said}{fence}"
