"""How pages are made: self-contained, without script, every value escaped and harmless."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from verification.core.model import Json
from verification.core.said import joined, say
from verification.reporting import plain, svg
from verification.reporting.texts import Lang, quoted, text, told


@lru_cache
def environment(lang: Lang = "en") -> Environment:
    """Templates of that language, whose every value is escaped; what steers or hides is made visible before.

    In them `_("…")` is a text of the table by its English words, and `|told` a sentence of the judge.
    """
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        change=lambda value: _minus(told(plain.change(value), lang)),
        share=lambda value: told(plain.share(value), lang),
        ms=lambda value: told(plain.milliseconds(value), lang),
        seconds=lambda value: told(plain.seconds(value), lang),
        count=plain.count,
        percents=lambda percents: told(joined(", ", [f"{percent} %" for percent in percents]), lang),
        duration=lambda value: told(plain.duration(value), lang),
        p_value=plain.p_value,
        excluded=lambda row: told(plain.excluded(row), lang),
        moment=plain.moment,
        told=lambda sentence: told(sentence, lang),
        quoted=lambda value: quoted(value, lang),
        block=_block,
        breakable=_breakable,
    )
    made.globals.update(
        _=lambda words, **values: told(say(words, **values), lang),
        _n=lambda count, one, many: told(say(one if count == 1 else many, count=plain.count(count)), lang),
        language=text("language", lang),
        gap=text("gap", lang),
        interval=lambda low, high: _minus(told(plain.interval(low, high), lang)),
        ends=lambda low, high: _minus(told(plain.ends(low, high), lang)),
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
