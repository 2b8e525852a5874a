"""Mistakes in what the candidate answers: status, headers, body, witness, and an answer kept for too long."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace

from verification.core.masks import matches
from verification.core.model import Probe
from verification.core.said import say
from verification.core.score.edit import Edit, edits
from verification.core.score.masked import Allowance
from verification.core.score.mutant import Mutant, New, Situation
from verification.core.score.place import Labels, other_id, swapped_ids
from verification.core.score.tree import children, grown, replaced, written

_STATUSES = (200, 201, 204, 400, 404, 410, 422, 500, 503)
_OTHER_VALUES = {"content-type": "text/plain", "location": "/elsewhere", "cache-control": "max-age=60"}
_ONE_MEDIA_TYPE = "media types and their parameters' names have no case (RFC 9110, section 8.3.1)"


def answer_mutants(situation: Situation, others: Sequence[Situation], new: New) -> Iterator[Mutant]:
    """Every mistake in the answer to the request; `others` are further cases of the endpoint."""
    yield from _status(situation, new)
    yield from _headers(situation, new)
    yield from _raw(situation, new)
    yield from _members(situation, new)
    yield from _fallback(situation, new)
    yield from _cache(situation, others, new)


def _status(situation: Situation, new: New) -> Iterator[Mutant]:
    if new(f"status {situation.answer.status}"):
        for status in _STATUSES:
            if status != situation.answer.status:
                yield Mutant("status", "status", str(status), situation.answering(status=status))


def _headers(situation: Situation, new: New) -> Iterator[Mutant]:
    for name in situation.shape.headers:
        value, place = situation.answer.header(name), f"{situation.kind} header {name}"
        if not new(f"{place} {value is not None}"):
            continue
        rest = tuple(pair for pair in situation.answer.headers if pair[0] != name)

        def sent(*values: str, name: str = name, rest: tuple[tuple[str, str], ...] = rest) -> Probe:
            return situation.answering(headers=(*rest, *((name, one) for one in values)))

        other = _OTHER_VALUES.get(name, "1")
        other = "1" if other == value else other
        if value is None:
            yield Mutant("extra effect", place, say("added: {value}", value=other), sent(other))
            continue
        yield Mutant("drop", place, "absent", sent())
        yield Mutant("null", place, "empty", sent(""))
        yield Mutant("value", place, other, sent(other))
        yield Mutant("value", place, "with a parameter", sent(f"{value};charset=latin-1"))
        yield Mutant("duplicate", place, "twice", sent(value, value))
        if name == "content-type":
            yield Mutant("casing", place, value.upper(), None, _ONE_MEDIA_TYPE)
        else:
            yield Mutant("casing", place, value.swapcase(), sent(value.swapcase()))


def _raw(situation: Situation, new: New) -> Iterator[Mutant]:
    """The body as such. What is no JSON, or nothing at all, is another body than any JSON and than any other text."""
    place, answer = f"{situation.kind} body", situation.answer
    if not new(f"{place} raw"):
        return
    if answer.body:
        twice = base64.b64encode(answer.raw * 2).decode() if answer.body_is_base64 else answer.body * 2
        yield Mutant("drop", place, "empty", situation.answering(body=""))
        yield Mutant("duplicate", place, "twice", situation.answering(body=twice, body_is_base64=answer.body_is_base64))
    yield Mutant("type", place, "a page", situation.answering(body="<html></html>"))
    invalid = base64.b64encode(answer.raw + b"\xff").decode()
    yield Mutant("value", place, "with a byte that is no UTF-8", situation.answering(body=invalid, body_is_base64=True))
    failed = replace(situation.exchange, answer=None, failure="connection closed", served_by=None)
    yield Mutant("drop", place, "no answer at all", replace(situation.candidate, exchange=failed))


def _members(situation: Situation, new: New) -> Iterator[Mutant]:
    tree, allowance = situation.body, Allowance(situation.shape, situation.grouped)
    twins = situation.labels.twins
    for place in situation.labels.places(tree):
        name = f"{situation.kind} {place.name}".rstrip()
        masked = allowance.mask_at(place) is not None
        if not new(f"{name} {place.kind} {masked}"):
            continue
        more = list(allowance.more_edits(tree, place))
        swapped = other_id(place.node, twins)
        if swapped is not None:
            more.append(Edit("id swap", "the other twin's", replaced(tree, place.steps, swapped), swapped))
        for edit in (*edits(tree, place.steps), *more):
            reason = allowance.reason(place, edit)
            probe = None if reason else situation.answering(body=written(edit.tree))
            yield Mutant(edit.operator, name, edit.what, probe, reason, allowance.is_wording(place, edit))
    whole = swapped_ids(written(tree), twins)
    if whole != written(tree) and new(f"{situation.kind} swapped"):
        yield Mutant("id swap", situation.kind, "two twins for each other", situation.answering(body=whole))


def _fallback(situation: Situation, new: New) -> Iterator[Mutant]:
    if new(f"{situation.kind} witness"):
        for served, what in (("legacy", "legacy served"), (None, "nobody says who served"), ("domain, legacy", "both")):
            exchange = replace(situation.exchange, served_by=served)
            yield Mutant("fallback", f"{situation.kind} witness", what, replace(situation.candidate, exchange=exchange))


def _cache(situation: Situation, others: Sequence[Situation], new: New) -> Iterator[Mutant]:
    """The answer of another case, with this case's ids in it, as a cache would give it that forgets what it is for."""
    own = _substance(situation.labels, situation.answer.status, situation.answer.body)
    for other in sorted(others, key=lambda one: one.answer.status != situation.answer.status):
        body = _translated(other, situation)
        if _substance(situation.labels, other.answer.status, body) != own and new(f"{situation.kind} cache"):
            probe = situation.answering(
                status=other.answer.status, body=body, body_is_base64=other.answer.body_is_base64
            )
            yield Mutant("cache", situation.kind, say("the answer of {case}", case=other.comparison.case), probe)
            return


def _translated(other: Situation, situation: Situation) -> str:
    body, own = other.answer.body, dict(situation.candidate.names)
    for token, actual in other.candidate.names:
        if token in own and not actual.isdigit():
            body = body.replace(actual, own[token])
    return body


def _substance(labels: Labels, status: int, body: str) -> object:
    """What an answer says beside what the catalog expects to vary."""
    try:
        tree = grown(body)
    except (ValueError, RecursionError):
        return status, body
    loose = [*(mask.path for mask in labels.shape.masks), *labels.shape.messages]
    leaves = [place for place in labels.every(tree) if not any(True for _ in children(place.node))]
    kept = [place for place in leaves if not any(matches(pattern, place.path) for pattern in loose)]
    return status, sorted((place.label, written(place.node)) for place in kept)
