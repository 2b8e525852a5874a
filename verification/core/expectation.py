"""What evidence a run owes, and which of it is there. What is owed and absent is a finding, never a pass.

Keys: `parity:<endpoint>:<case>`, `sequence:<kind>:<group>:<number>`, `retry:<endpoint>:<routing>`,
`certificate:<resource>:<operation>:<arm that writes first>`, `replay:<digest>`, `race:<name>`,
`flag:exposure:<percent>`, `flag:force:<percent>`, `flag:refuse`, `rollback:request`, `rollback:global`,
`monitoring:before`, `monitoring:after`, `monitoring:usage`, `witness:<endpoint>`, `load:<percent>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verification.core.cases import Catalog, RaceSpec, ResourceSpec
from verification.core.model import Arm, Comparison
from verification.core.policy import DEFAULT_STAGES
from verification.core.records import Evidence, RaceRound
from verification.core.sequences import groups

QUICK_LOAD_STAGES = frozenset({10, 100})


@dataclass(frozen=True, slots=True)
class Scope:
    """What kind of run it is: which stages, whose backend, and whether it is the short form."""

    stages: tuple[int, ...]
    owned: bool
    quick: bool
    may_restart: bool
    flag: bool = True
    """Whether a flag routes requests that are put on no arm."""
    monitoring: bool = True
    """Whether the backend has the two monitoring endpoints."""
    witnesses: bool = True
    """Whether something in or beside the answers has to tell who served them."""
    ramp: bool = False
    """Whether the load is preceded by a ramp that finds the knee."""
    replays: tuple[str, ...] = ()
    """Keys of earlier runs' counterexamples, which are walked again."""


def parity_key(endpoint: str, case: str) -> str:
    """Key of one comparison."""
    return f"parity:{endpoint}:{case}"


CREATE, REMOVE = "create", "remove"
RETRY_ROUTINGS = (
    (Arm.CANDIDATE, Arm.CANDIDATE),
    (Arm.CONTROL, Arm.CANDIDATE),
    (Arm.CANDIDATE, Arm.CONTROL),
)
SEARCH_KINDS = ("candidate", "routed")
"""`candidate`: every step on candidate; `routed`: each step on an arm of its own, as real traffic goes."""
SEARCHES = 2
"""Searches of one kind in one group, each with a seed of its own, so that two workers can share them."""


def retry_key(endpoint: str, routing: tuple[Arm, ...]) -> str:
    """Key of the same request twice, taken by these arms."""
    return f"retry:{endpoint}:{'-then-'.join(routing)}"


def certified_operations(resource: ResourceSpec) -> tuple[str, ...]:
    """What one arm does to what the other created: nothing but reading, every state, and removing where it can."""
    return (CREATE, *resource.states, *((REMOVE,) if resource.remove else ()))


def certificate_key(resource: str, operation: str, first: Arm) -> str:
    """Key of one cell of the rollback certificate; `first` is the arm that created the resource."""
    return f"certificate:{resource}:{operation}:{first}"


def search_keys(catalog: Catalog) -> tuple[str, ...]:
    """Keys of the searches for a diverging sequence; steps are routed over both arms only where states are shared."""
    kinds = SEARCH_KINDS[:1] if catalog.separate_state else SEARCH_KINDS
    return tuple(
        f"sequence:{kind}:{group}:{number}"
        for kind in kinds
        for group in groups(catalog)
        for number in range(1, SEARCHES + 1)
    )


def sequence_keys(catalog: Catalog) -> tuple[str, ...]:
    """Keys of every sequence that the catalog owes: searches, retries, and the rollback certificate."""
    routings = RETRY_ROUTINGS[:1] if catalog.separate_state else RETRY_ROUTINGS
    retries = [retry_key(e.id, routing) for e in catalog.endpoints if e.writes for routing in routings]
    if catalog.separate_state:
        return (*search_keys(catalog), *retries)
    certificates = [
        certificate_key(resource.name, operation, first)
        for resource in catalog.resources.values()
        for operation in certified_operations(resource)
        for first in Arm
    ]
    return (*search_keys(catalog), *retries, *certificates)


def owed(catalog: Catalog, scope: Scope) -> tuple[tuple[str, ...], dict[str, str]]:
    """The keys that the verdict needs, and the keys left out by decision with the reason."""
    keys: list[str] = []
    omitted: dict[str, str] = {}
    asked = [(endpoint, case) for endpoint in catalog.endpoints for case in endpoint.cases]
    keys += [parity_key(endpoint.id, case.id) for endpoint, case in asked if not (scope.quick and case.derived)]
    if len(keys) < len(asked):
        omitted["parity:derived"] = "--quick compares the hand-written cases only"
    if scope.quick:
        omitted["sequence:drawn"] = "--quick draws a quarter of the sequences"
    keys += [*scope.replays, *sequence_keys(catalog), *(f"race:{name}" for name in catalog.races)]
    if catalog.separate_state:
        omitted["across arms"] = "each side has a state of its own: neither can read or undo what the other wrote"
    for percent in scope.stages:
        if scope.flag:
            keys += [f"flag:exposure:{percent}", f"flag:force:{percent}"]
        if scope.quick and percent not in QUICK_LOAD_STAGES and len(scope.stages) > 1:
            omitted[f"load:{percent}"] = "--quick measures the latency at 10 % and 100 % only"
        else:
            keys.append(f"load:{percent}")
    known, left_out = _owed_of_flag(scope)
    keys += known
    omitted |= left_out
    if scope.witnesses:
        keys += [f"witness:{endpoint.id}" for endpoint in catalog.endpoints]
    if not (scope.ramp and f"load:{_BASELINE}" in keys):
        omitted["load:knee"] = "no ramp was asked, so whether the rate lies below the target's knee is not known"
    omitted |= {f"endpoint:{name}": reason for name, reason in catalog.disabled.items()}
    absent = (percent for percent in DEFAULT_STAGES if scope.flag and percent not in scope.stages)
    omitted |= {f"stage:{percent}": "not among the stages of this run" for percent in absent}
    return tuple(keys), omitted


def _owed_of_flag(scope: Scope) -> tuple[list[str], dict[str, str]]:
    """What is owed of the flag, the ways back and the monitoring, and what is left out with its reason."""
    keys: list[str] = []
    omitted: dict[str, str] = {}
    if scope.monitoring:
        keys += ["monitoring:before", "monitoring:after", *(["monitoring:usage"] if scope.flag else [])]
    else:
        omitted["monitoring"] = "the settings name no monitoring endpoints"
    if not scope.flag:
        omitted["flag"] = "no flag routes requests, so there is no share to see and no way back to drill"
        return keys, omitted
    keys.append("rollback:request")
    for key, reason in (("flag:refuse", "the backend is not ours to start"), ("rollback:global", _NO_RESTART)):
        if scope.owned or (key == "rollback:global" and scope.may_restart):
            keys.append(key)
        else:
            omitted[key] = reason
    return keys, omitted


_BASELINE = 0
_NO_RESTART = "the backend is not ours to restart; the rollback drill is per request only"


def covered(evidence: Evidence, catalog: Catalog) -> frozenset[str]:
    """The keys for which there is evidence. Forcing is covered when every endpoint was asked on both arms."""
    keys = {parity_key(comparison.endpoint, comparison.case) for comparison in evidence.comparisons}
    keys |= {f"race:{name}" for name, spec in catalog.races.items() if _raced(spec, evidence.races)}
    keys |= {comparison.sequence.key for comparison in evidence.sequences} - set(search_keys(catalog))
    keys |= {search.key for search in evidence.searches}
    keys |= {f"flag:exposure:{exposure.stage_percent}" for exposure in evidence.exposures}
    keys |= {f"load:{end.stage_percent}" for end in evidence.load_ends}
    keys |= {f"monitoring:{monitoring.moment}" for monitoring in evidence.monitoring}
    keys |= {f"witness:{check.endpoint}" for check in evidence.witness_checks}
    names = {drill.name for drill in evidence.drills}
    keys |= {key for key, name in _DRILL_KEYS.items() if name in names}
    if {usage.kind for usage in evidence.usage} == {"forced", "natural"}:
        keys.add("monitoring:usage")
    forced: dict[int, set[tuple[str, Arm]]] = {}
    for call in evidence.forced:
        if call.drill == "force":
            forced.setdefault(call.stage_percent, set()).add((call.endpoint, call.exchange.arm))
    both = {(endpoint.id, arm) for endpoint in catalog.endpoints for arm in Arm}
    keys |= {f"flag:force:{percent}" for percent, calls in forced.items() if calls >= both}
    return frozenset(keys)


def _raced(spec: RaceSpec, rounds: Iterable[RaceRound]) -> bool:
    """True when all rounds on both arms are there, and what the calls do one after the other."""
    own = [found for found in rounds if found.race == spec.name]
    at_once = [sum(found.arm is arm and not found.order for found in own) for arm in Arm]
    return min(at_once) >= spec.rounds and any(found.order for found in own)


_DRILL_KEYS = {
    "flag:refuse": "refuse-percent",
    "rollback:request": "rollback-request",
    "rollback:global": "rollback-global",
}


def latest(comparisons: Iterable[Comparison]) -> dict[tuple[str, str], list[Comparison]]:
    """All repetitions of each case and their attempts, in the order of their numbers."""
    attempts: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        attempts.setdefault((comparison.endpoint, comparison.case), []).append(comparison)
    return {key: sorted(found, key=lambda one: (one.repetition, one.attempt)) for key, found in attempts.items()}


def attempts_at(comparisons: Sequence[Comparison], repetition: int | None) -> list[Comparison]:
    """The attempts of one repetition of a case; of its last repetition where None is asked for."""
    wanted = repetition or max((one.repetition for one in comparisons), default=1)
    return [one for one in comparisons if one.repetition == wanted]
