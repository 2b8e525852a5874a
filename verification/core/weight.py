"""What a difference weighs: its rule and verdict by kind, more where the catalog calls the place critical."""

from __future__ import annotations

from collections.abc import Iterable

from verification.core.model import Difference, Finding, Verdict, worst
from verification.core.said import Said, joined, say

_RULES = {
    "status": ("parity.status", Verdict.HOLD, say("another status")),
    "header": ("parity.header", Verdict.HOLD, say("a header differs")),
    "raw": ("parity.raw", Verdict.HOLD, say("the raw body differs")),
    "body": ("parity.body", Verdict.HOLD, say("the body differs")),
    "identity": ("parity.identity", Verdict.ROLLBACK, say("ids do not correspond one to one")),
    "equality": ("parity.equality", Verdict.HOLD, say("what is equal on one side is not on the other")),
    "state": ("state.changed", Verdict.ROLLBACK, say("the request did something else to the state")),
    "cross": ("cross.read", Verdict.ROLLBACK, say("one arm reads another state than the other after this write")),
}
_FOREIGN_ID = ("parity.identity", Verdict.ROLLBACK, say("another resource's id"))
_SHOWN_PLACES = 3


def weigh(endpoint: str, case: str, differences: Iterable[Difference]) -> list[Finding]:
    """One finding for each kind of difference, with the weight that the kind and the catalog give it."""
    seen = tuple(differences)
    findings = []
    title = say("{endpoint} · {case}", endpoint=endpoint, case=case)
    for where, named in _RULES.items():
        found = tuple(d for d in seen if d.where.split()[0] == where)
        if not found:
            continue
        foreign = where == "body" and any(_is_other_id(d) for d in found)
        rule, verdict, words = _FOREIGN_ID if foreign else named
        if any(d.critical or d.kind == "status class" for d in found):
            verdict = Verdict.ROLLBACK
        reason = say("{words}: {places}", words=words, places=places(found))
        findings.append(Finding(rule, verdict, title, reason, endpoint, case, differences=found))
    return findings


def weight_of(difference: Difference) -> Verdict:
    """What the difference weighs alone: HOLD or ROLLBACK."""
    return worst(finding.verdict for finding in weigh("", "", (difference,)))


def place_of(difference: Difference) -> str:
    """`body:stats.fps`, or `status` where there is no path."""
    return f"{difference.where}:{difference.path}" if difference.path else difference.where


def places(differences: Iterable[Difference]) -> Said:
    """The first places in words, and how many more there are."""
    named = [place_of(difference) for difference in differences]
    more = len(named) - _SHOWN_PLACES
    shown = joined(", ", named[:_SHOWN_PLACES])
    return say("{places} and {more} more", places=shown, more=more) if more > 0 else shown


def _is_other_id(difference: Difference) -> bool:
    """One side names a twin by its token, the other side names something else at the same place."""
    control, candidate = difference.control, difference.candidate
    if not (control.startswith('"«') and control.endswith('»"')) or candidate in ("(absent)", "null"):
        return False
    # The same id as text, or no longer as text, is another type and not another id.
    return candidate.replace(" as text»", "»") != control.replace(" as text»", "»")
