"""Whether both witnesses say the same of each endpoint, and the least that a backend needs to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verification.core.judgement import WitnessRow
from verification.core.model import Finding, Verdict, worst
from verification.core.records import WitnessCheck
from verification.core.said import joined, say

SMALLEST_CHANGE = "The smallest change"
"""Stands in every reason that tells how to mend it."""
FIRST_NEEDED = say(
    "let each implementation add a response header that names it, for example X-Served-By: legacy or domain, in its "
    "own code and not in the routing, and name that header in rollout.toml as witness.header"
)
SECOND_NEEDED = say(
    "count each request inside the implementation that serves it, not where it is routed, show both counts in a "
    "monitoring endpoint, and name them in rollout.toml under [witness.second] (none = true says that there is none)"
)


def witness_row(check: WitnessCheck, *, owned: bool) -> WitnessRow:
    """One endpoint's witnesses, and whether they can be believed."""
    check = replace(check, second=_second(check.second))
    found = [finding.verdict for finding in judge_witness(check, owned=owned)]
    return WitnessRow(check, worst([Verdict.PROMOTE, *found]))


def judge_witness(check: WitnessCheck, *, owned: bool) -> Iterator[Finding]:
    """What is wrong with the witnesses of one endpoint, for this endpoint alone: INCONCLUSIVE where it is not known who
    served, more where it is known and was not who was asked.

    A second witness must have moved by at least what the first one names: setting up is served by legacy as well, and
    on a named backend others move its counters too. On a backend of our own nobody else asks candidate, so there it
    must have moved by exactly that much.
    """
    check = replace(check, second=_second(check.second))
    asked = check.asked_legacy + check.asked_domain
    named = check.named_legacy + check.named_domain
    if not (check.asked_legacy and check.asked_domain):
        yield _finding(check, "evidence.missing", say("not both arms answered, so that nothing is known of who served"))
        return
    if named < asked:
        reason = say(
            "{unnamed} of {asked} answers name nobody that is known. The smallest change: {needed}",
            unnamed=asked - named,
            asked=asked,
            needed=FIRST_NEEDED,
        )
        yield _finding(check, "witness.absent", reason)
    elif check.named_domain < check.asked_domain:
        astray = check.asked_domain - check.named_domain
        reason = say(
            "legacy answered {astray} of {asked} calls put on candidate", astray=astray, asked=check.asked_domain
        )
        yield _finding(check, "witness.fallback", reason, Verdict.HOLD)
    elif check.named_domain > check.asked_domain:
        astray = check.named_domain - check.asked_domain
        reason = say(
            "domain answered {astray} of {asked} calls put on control", astray=astray, asked=check.asked_legacy
        )
        yield _finding(check, "flag.force", reason, Verdict.ROLLBACK)
    if check.second is None:
        return
    if check.counted_domain is None:
        reason = say(
            "the second witness ({second}) does not tell of domain. The smallest change: {needed}",
            second=check.second,
            needed=SECOND_NEEDED,
        )
        yield _finding(check, "witness.absent", reason)
        return
    off = list(_disagreements(check, owned=owned))
    if off:
        reason = say(
            "{off}. One of the two is wrong, so it is not known who served. The smallest change, if it is the second: "
            "{second}; if it is the first: {first}",
            off=joined("; ", off),
            second=SECOND_NEEDED,
            first=FIRST_NEEDED,
        )
        yield _finding(check, "witness.contradicted", reason)


def _second(name: str | None) -> str | None:
    """The second witness as a sentence again: the evidence keeps it as text."""
    kind, _, place = (name or "").partition(" of ")
    if kind in ("counters", "metrics") and place:
        return say("counters of {place}" if kind == "counters" else "metrics of {place}", place=place)
    return say("log lines") if name == "log lines" else name


def _disagreements(check: WitnessCheck, *, owned: bool) -> Iterator[str]:
    for name, said, moved, exactly in (
        ("legacy", check.named_legacy, check.counted_legacy, False),
        ("domain", check.named_domain, check.counted_domain, owned),
    ):
        if moved is not None and (moved != said if exactly else moved < said):
            yield say(
                "the answers name {name} {said} times, {second} say {moved}",
                name=name,
                said=said,
                second=check.second,
                moved=moved,
            )


def _finding(check: WitnessCheck, rule: str, reason: str, verdict: Verdict = Verdict.INCONCLUSIVE) -> Finding:
    title = say("Who answered {endpoint}", endpoint=check.endpoint)
    numbers: dict[str, float | int | None] = {"asked_legacy": check.asked_legacy, "asked_domain": check.asked_domain}
    return Finding(rule, verdict, title, reason, check.endpoint, None, check.stage_percent, numbers=numbers)
