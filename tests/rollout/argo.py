"""Argo Rollouts as far as our answer meets it: its condition language, the web metric's phases, the limits of a metric.

Written after its behaviour (argo-rollouts 9f8d111, see data/), and held to its own test vectors by test_examples.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR, RUNNING = "Successful", "Failed", "Inconclusive", "Error", "Running"


class Unsayable(Exception):
    """A condition or a path that cannot be evaluated; the measurement is an error then."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[A-Za-z_]\w*)|(?P<sign>&&|\|\||[=!<>]=|[][<>!(){}#.,-]))"
)
_CONSTANTS = {"true": True, "false": False, "nil": None}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
Env = Mapping[str, Any]
Term = Callable[[Env], Any]


def holds(condition: str, result: Any) -> bool:
    """Whether the condition holds for this result; Unsayable where it is no condition or gives no boolean."""
    value = _Parser(condition).whole()({"result": result})
    if not isinstance(value, bool):
        raise Unsayable(f"{condition!r} gives {value!r} and no boolean")
    return value


class _Parser:
    """Recursive descent: || under && under ! under comparisons."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise Unsayable(f"unknown sign in {text[at:]!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def whole(self) -> Term:
        term = self._either()
        if self._tokens:
            raise Unsayable(f"unexpected {self._tokens[0][1]!r}")
        return term

    def _next(self, *signs: str) -> str | None:
        """Take the next sign where it is one of these."""
        if self._tokens and self._tokens[0][0] == "sign" and self._tokens[0][1] in signs:
            return self._tokens.pop(0)[1]
        return None

    def _must(self, sign: str) -> None:
        if self._next(sign) is None:
            raise Unsayable(f"{sign!r} is missing")

    def _either(self) -> Term:
        left = self._both()
        while self._next("||"):
            left = _logical(left, self._both(), until=True)
        return left

    def _both(self) -> Term:
        left = self._compared()
        while self._next("&&"):
            left = _logical(left, self._compared(), until=False)
        return left

    def _compared(self) -> Term:
        left = self._prefixed()
        sign = self._next("==", "!=", *_ORDER)
        return left if sign is None else _comparison(sign, left, self._prefixed())

    def _prefixed(self) -> Term:
        if self._next("!"):
            term = self._prefixed()
            return lambda env: not _boolean(term(env))
        if self._next("-"):
            term = self._prefixed()
            return lambda env: -_number(term(env))
        return self._member()

    def _member(self) -> Term:
        term = self._primary()
        while sign := self._next(".", "["):
            if sign == ".":
                term = _fetch(term, _always(self._take("name")))
            else:
                term = _fetch(term, self._either())
                self._must("]")
        return term

    def _take(self, kind: str) -> str:
        if not self._tokens or self._tokens[0][0] != kind:
            raise Unsayable(f"a {kind} is missing")
        return self._tokens.pop(0)[1]

    def _primary(self) -> Term:
        if self._next("("):
            term = self._either()
            self._must(")")
            return term
        if self._next("#"):
            return lambda env: env["#"]
        if not self._tokens:
            raise Unsayable("it ends too early")
        kind, text = self._tokens.pop(0)
        if kind == "number":
            return _always(float(text) if "." in text else int(text))
        if kind == "text":
            return _always(text[1:-1])
        if kind != "name":
            raise Unsayable(f"unexpected {text!r}")
        if self._next("("):
            return self._call(text)
        if text in _CONSTANTS:
            return _always(_CONSTANTS[text])
        if text != "result":
            raise Unsayable(f"unknown name {text!r}")
        return lambda env: env["result"]

    def _call(self, name: str) -> Term:
        of = self._either()
        if name in ("asInt", "asFloat"):
            self._must(")")
            return _converted(int if name == "asInt" else float, of)
        if name not in ("any", "all"):
            raise Unsayable(f"unknown function {name!r}")
        self._must(",")
        self._must("{")
        test = self._either()
        self._must("}")
        self._must(")")
        return _over(any if name == "any" else all, of, test)


def _always(value: Any) -> Term:
    return lambda _: value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unsayable(f"{value!r} is no boolean")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unsayable(f"{value!r} is no number")
    return value


def _logical(left: Term, right: Term, *, until: bool) -> Term:
    return lambda env: until if _boolean(left(env)) is until else _boolean(right(env))


def _comparison(sign: str, left: Term, right: Term) -> Term:
    def compared(env: Env) -> bool:
        one, other = left(env), right(env)
        if sign in ("==", "!="):
            alike = isinstance(one, bool) == isinstance(other, bool) and one == other
            return bool(alike) is (sign == "==")
        if isinstance(one, str) and isinstance(other, str):
            return _ORDER[sign](one, other)
        return _ORDER[sign](_number(one), _number(other))

    return compared


def _fetch(of: Term, key: Term) -> Term:
    def fetched(env: Env) -> Any:
        value, wanted = of(env), key(env)
        if isinstance(value, dict) and isinstance(wanted, str):
            return value.get(wanted)
        if isinstance(value, list) and isinstance(wanted, int) and wanted < len(value):
            return value[wanted]
        raise Unsayable(f"cannot fetch {wanted!r} from {value!r}")

    return fetched


def _converted(to: Callable[[Any], float], of: Term) -> Term:
    def converted(env: Env) -> float:
        try:
            return to(of(env))
        except (TypeError, ValueError) as error:
            raise Unsayable(str(error)) from error

    return converted


def _over(quantifier: Callable[[Iterable[bool]], bool], of: Term, test: Term) -> Term:
    def over(env: Env) -> bool:
        items = of(env)
        if not isinstance(items, list):
            raise Unsayable(f"{items!r} is no list")
        return quantifier(_boolean(test({**env, "#": item})) for item in items)

    return over


def at_path(document: Any, path: str) -> Any:
    """What a path such as `{$.key[0].value}` finds; Unsayable where there is nothing."""
    steps = re.fullmatch(r"\{\$((?:\.\w+|\[\d+\])*)\}", path)
    if steps is None:
        raise Unsayable(f"{path!r} is no path that is known here")
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", steps[1]):
        try:
            document = document[name] if name else document[int(index)]
        except (KeyError, IndexError, TypeError):
            raise Unsayable(f"Could not find JSONPath in body: {path}") from None
    return document


@dataclass(frozen=True)
class Measurement:
    """What one asking came to."""

    phase: str
    value: str = ""
    message: str = ""


@dataclass(frozen=True)
class WebMetric:
    """A metric with a web provider, its arguments filled in. Empty texts and None are the same: not set."""

    url: str
    success: str | None = None
    failure: str | None = None
    path: str | None = None

    def measure(self, status: int, body: str) -> Measurement:
        """What the provider makes of an answer."""
        if urlsplit(self.url).scheme not in ("http", "https"):
            return Measurement(ERROR, message="unsupported protocol scheme")
        if not 200 <= status < 300:
            return Measurement(ERROR, message=f"received non 2xx response code: {status}")
        try:
            result, value = self._result(body)
            return Measurement(self._phase(result), value)
        except Unsayable as error:
            return Measurement(ERROR, message=str(error))

    def _result(self, body: str) -> tuple[Any, str]:
        try:
            document = json.loads(body)
        except ValueError:
            # What is no JSON is a text, and no path is looked for in it.
            return body, body
        found = at_path(document, self.path or "{$}")
        return found, json.dumps(found, sort_keys=True, separators=(",", ":"))

    def _phase(self, result: Any) -> str:
        success = holds(self.success, result) if self.success else None
        failure = holds(self.failure, result) if self.failure else None
        if success is None and failure is None:
            return SUCCESSFUL
        if (failure if failure is not None else not success) is True:
            return FAILED
        return SUCCESSFUL if (success if success is not None else not failure) else INCONCLUSIVE


@dataclass
class MetricRun:
    """The limits of one metric over its measurements."""

    failure_limit: int
    inconclusive_limit: int
    error_limit: int
    success_limit: int
    count: int | None
    phases: list[str] = field(default_factory=list)

    def take(self, phase: str) -> str:
        """Add a measurement; the phase of the run after it."""
        self.phases.append(phase)
        if self._in_a_row(ERROR) > self.error_limit:
            return ERROR
        if self.phases.count(INCONCLUSIVE) > self.inconclusive_limit:
            return INCONCLUSIVE
        if self.phases.count(FAILED) > self.failure_limit:
            return FAILED
        if 0 < self.success_limit <= self._in_a_row(SUCCESSFUL):
            return SUCCESSFUL
        return SUCCESSFUL if self.count is not None and len(self.phases) >= self.count else RUNNING

    def _in_a_row(self, phase: str) -> int:
        number = 0
        for one in reversed(self.phases):
            if one != phase:
                break
            number += 1
        return number
