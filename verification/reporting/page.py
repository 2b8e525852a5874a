"""How pages are made: self-contained, without script, every value escaped and harmless."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from verification.core.model import Json
from verification.reporting import plain, svg


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates whose every value is escaped; what steers or hides is made visible before."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        change=lambda value: _minus(plain.change(value)),
        share=plain.share,
        ms=plain.milliseconds,
        seconds=plain.seconds,
        count=plain.count,
        duration=plain.duration,
        p_value=plain.p_value,
        excluded=plain.excluded,
        moment=plain.moment,
        block=_block,
        breakable=_breakable,
    )
    made.globals.update(
        interval=lambda low, high: _minus(plain.interval(low, high)),
        ends=lambda low, high: _minus(plain.ends(low, high)),
        bar=svg.bar,
    )
    return made


def _harmless(value: Json) -> Json:
    """Applied to every value before it is escaped: no control character and no lone surrogate reaches the page."""
    return plain.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _block(text: str) -> Markup:
    """Text of several lines, for `pre`; escaped here because its line feeds must stay."""
    return escape(plain.block(text))


def _breakable(text: str) -> Markup:
    """A path that may be broken after each slash."""
    return Markup("/<wbr>").join(plain.visible(text).split("/"))


def _minus(text: str) -> str:
    return text.replace("-", "−")  # noqa: RUF001  # the minus sign is as wide as the plus sign
