"""Raw bodies of the kinds that JSON test collections gather: none crashes a comparison, and no lossy pair is equal.

The kinds are those of JSONTestSuite (must parse, must not, may) and of RFC 8785 (numbers, order of keys, unicode).
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable

import pytest

from verification.core.cases import Shape
from verification.core.compare import Compared, compare_answers
from verification.core.documents import Names
from verification.core.model import Answer

NOBODY = Names(())
NUMBERS = [
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "1.00",
    "10e-1",
    "1e0",
    "1E0",
    "1e+0",
    "-1",
    "0.1",
    "0.10000000000000001",
    "0.1000000000000000055511151231257827",
    "1e1",
    "10",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1e23",
    "1e22",
    "1e21",
    "1e20",
    "100000000000000000000",
    "333333333.33333329",
    "333333333.3333333",
    "4.50",
    "4.5",
    "2e-3",
    "0.002",
    "0.000000000000000000000000001",
    "1e-27",
    "5e-324",
    "4.9e-324",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "1e308",
    "1e400",
    "-1e400",
    "1e-400",
    "123123e100000",
    "0e1",
    "0e+1",
    "-0e-1",
]
NO_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "1.e1",
    "1e",
    "1e+",
    "0x1",
    "1_000",
    "-",
    "--",
    "1,5",
    "\u0661",
    "∞",
]
TEXTS = [
    '"a"',
    '"\\u0061"',
    '"A"',
    '""',
    '" "',
    '"\\u0000"',
    '"\\n"',
    '"\\r\\n"',
    '"\\t"',
    '"\\/"',
    '"/"',
    '"\\""',
    '"é"',
    '"e\u0301"',
    '"\\u00e9"',
    '"\\ud83d\\ude00"',
    '"😀"',
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ude00\\ud83d"',
    '"\ufeff"',
    '"\u2028"',
    '"\\u2028"',
    '"\u202e"',
    '"ﬁ"',
    '"fi"',
    '"\x7f"',
    '"\\uFFFE"',
    '"true"',
    '"null"',
    '"1"',
]
WHOLES = [
    "",
    " ",
    "\n",
    "null",
    "true",
    "false",
    " true ",
    "[]",
    "[ ]",
    "{}",
    "[null]",
    "[[]]",
    '{"":0}',
    '{"a":null}',
    '{"a":1}',
    '{"a":1.0}',
    '{"a":true}',
    '{"a":"1"}',
    '{"a":[1]}',
    '{"a":{"a":1}}',
    '{"A":1}',
    '{"a ":1}',
    '{"a":1,"b":2}',
    '{"a":1,"a":2}',
    '{"a":2,"a":1}',
    '{"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,"a":1}',
    '{"a":[1,2]}',
    '{"a":[2,1]}',
    '{"a":[1,1,2]}',
    '{"a":[1,2,2]}',
    '{"€":1,"\\r":2,"😀":3}',
    '{"__proto__":1}',
]
BROKEN = [
    "[1,]",
    "[,1]",
    "[1",
    "1]",
    "{",
    "}",
    '{"a":}',
    '{"a"}',
    "{a:1}",
    "{'a':1}",
    '{"a":1,}',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":1}{"a":1}',
    '{"a":1}\x00',
    "\x00",
    "\ufeff{}",
    '\ufeff{"a":1}',
    "[1 2]",
    "[true,fals]",
    "nul",
    "TRUE",
    '"a',
    '"\\x"',
    '"\n"',
    "\\",
    "<html></html>",
    "/* c */ {}",
    "{} // c",
    "[" * 70 + "]" * 70,
    "[" * 70,
    "\ud800",
    '["\ud800"]',
    "None",
]
BYTES = [
    b"\xff",
    b"\xc0\xaf",
    b'{"a":"\xe9"}',
    b'"\xed\xa0\x80"',
    b"\xfe\xff\x00{\x00}",
    b"{\x00}\x00",
    b"\x80",
    b"\xf5\x80\x80\x80",
]


def text(body: str, content_type: str = "application/json") -> Answer:
    return Answer(200, (("content-type", content_type),), body)


def raw(body: bytes) -> Answer:
    return Answer(200, (("content-type", "application/json"),), base64.b64encode(body).decode(), body_is_base64=True)


BODIES = [text(body) for body in (*NUMBERS, *NO_NUMBERS, *TEXTS, *WHOLES, *BROKEN)] + [raw(body) for body in BYTES]


def compared(one: Answer, other: Answer) -> Compared:
    return compare_answers(Shape(), one, other, NOBODY, NOBODY)


def differ(one: Answer, other: Answer) -> bool:
    return bool(compared(one, other).differences)


def test_there_are_enough_kinds_of_bodies() -> None:
    assert len({(body.body, body.body_is_base64) for body in BODIES}) > 150


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body.body)[:30])
def test_a_body_equals_itself(body: Answer) -> None:
    assert not differ(body, body)


def test_no_pair_crashes_and_each_is_seen_alike_from_both_sides() -> None:
    for one, other in itertools.combinations(BODIES, 2):
        assert differ(one, other) == differ(other, one), (one.body, other.body)


SAME = {
    frozenset(pair)
    for pair in (
        ("1.0", "1.00"),
        ("1.0", "10e-1"),
        ("1.0", "1e0"),
        ("1.0", "1E0"),
        ("1.0", "1e+0"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("0.0", "0e1"),
        ("0.0", "0e+1"),
        ('{"a":1,"a":2}', '{"a":1,"\\u0061":2}'),
        ("-0.0", "-0e-1"),
        ('"a"', '"\\u0061"'),
        ('"é"', '"\\u00e9"'),
        ('"\\/"', '"/"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ('"\u2028"', '"\\u2028"'),
        ("true", " true "),
        ("[]", "[ ]"),
        ("0.000000000000000000000000001", "1e-27"),
    )
}


def parts(spellings: set[frozenset[str]]) -> Callable[[str], frozenset[str]]:
    """Everything that is one value with a spelling."""

    def of(spelling: str) -> frozenset[str]:
        found = {spelling}
        while more := {one for pair in spellings if pair & found for one in pair} - found:
            found |= more
        return frozenset(found)

    return of


def test_two_spellings_of_one_value_are_equal_and_nothing_else_is() -> None:
    of = parts(SAME)
    for one, other in itertools.combinations([*NUMBERS, *TEXTS, *WHOLES], 2):
        equal = not differ(text(one), text(other))
        assert equal == (other in of(one)) or one == other, (one, other)


@pytest.mark.parametrize(
    "types", [("application/json", "text/json"), ("application/json", "application/json; charset=latin-1")]
)
def test_another_content_type_or_charset_is_a_difference(types: tuple[str, str]) -> None:
    first, second = (text("{}", content_type) for content_type in types)
    assert [difference.where for difference in compared(first, second).differences] == ["header"]
