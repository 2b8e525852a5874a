"""A foreign document is read or refused in one sentence: never a traceback, a hang, or a value that swells."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.catalog.foreign import MOST_BYTES, MOST_YAML_BYTES, parse
from verification.catalog.source import JsonDumper
from verification.core.errors import UsageError

BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 30)
)
REFUSED = {
    "10,000 lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a million lists": b"[" * 1_000_000,
    "10,000 lists of YAML": b"- " * 10_000 + b"x",
    "deep by aliases": b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 400)),
    "an alias bomb": BOMB,
    "an alias of itself": b"a: &a [*a]",
    "an alias of nothing": b"a: *b",
    "no text": b"\xff\xfe\x00",
    "a control character": b"a: \x00",
    "unfinished JSON": b'{"a": ',
    "unfinished YAML": b"a: [1",
    "no number": b'{"a": NaN}',
    "a number without end": b'{"a": ' + b"9" * 5000 + b"}",
    "a large exponent": b'{"a": 1e999}',
    "a large exponent of YAML": b"a: 1e999",
    "too large": b" " * (MOST_BYTES + 1),
    "too large for YAML": b"a" * (MOST_YAML_BYTES + 1),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_in_one_message_and_soon(content: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(UsageError, match=r"^the origin: ") as caught:
        parse(content, "the origin")
    assert len(str(caught.value)) < 400
    assert time.monotonic() - started < 20


def test_yaml_is_read_as_json_would_be() -> None:
    text = b"200: yes\nwhen: 2024-05-01\nnone: ~\nlist: [1, 1.5, true, '1']\n"
    text += b"again: {<<: &x {a: 1, b: 2}, b: 3}\nsame: *x\n"
    assert parse(text, "x") == {
        "200": "yes",
        "when": "2024-05-01",
        "none": None,
        "list": [1, 1.5, True, "1"],
        "again": {"a": 1, "b": 2},
        "same": {"a": 1, "b": 2},
    }


LOOKALIKES = st.sampled_from(["1e5", "yes", "null", "~", "1.0", "2024-05-01", "-1", "a\x85b", "\n"])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=12) | FLOATS | LOOKALIKES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=15,
)  # fmt: skip


@settings(max_examples=300)
@given(JSON)
def test_what_the_dumper_writes_is_read_back_alike(value: Any) -> None:
    text = yaml.dump({"value": value}, Dumper=JsonDumper, allow_unicode=True, sort_keys=False, width=110)
    assert _same(parse(text.encode("utf-8"), "x"), {"value": value})


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=0, abs_tol=0)
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)
