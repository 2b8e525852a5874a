"""Counts what a run would send and sends nothing. It follows the steps of the other modules of this room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from verification.catalog.references import fits_route
from verification.catalog.sequences import sequences_of, templates
from verification.core.cases import Case, Catalog, Endpoint, RaceSpec, RequestSpec, ResourceSpec, Twin
from verification.core.expectation import parity_key
from verification.core.model import Arm, Request
from verification.core.parity import SIDES
from verification.core.plan import (
    BEFORE,
    CASES,
    CERTIFICATE,
    DRAWN,
    EXPOSURE,
    FLAG,
    FORCING,
    LOAD,
    MONITORING,
    NO_ARM,
    RACES,
    REPLAYS,
    RETRIES,
    ROLLBACK,
    WITNESS,
    Plan,
    Row,
)
from verification.core.race import orders
from verification.core.redact import is_secret_name, redact_text
from verification.core.sequences import CONTROL_SIDE, TRIAL_SIDE, home_of, reads_of, trial_arms
from verification.core.sequences import Sequence as Walked
from verification.drive.flag import EXPOSURE_REQUESTS, USAGE_REQUESTS
from verification.drive.measure import measured_s, planned_rate, ramp_rates
from verification.drive.probe import ARMS, MAX_ATTEMPTS
from verification.drive.search import field_of
from verification.drive.witness import CANDIDATE_CALLS, CONTROL_CALLS
from verification.settings import Settings

_LONGEST_PATH = 90


@dataclass(slots=True)
class Draft:
    """Counts the requests of one run."""

    catalog: Catalog
    settings: Settings
    stages: tuple[int, ...]
    replays: tuple[Walked, ...] = ()
    _times: Counter[Row] = field(default_factory=Counter)
    _most: Counter[Row] = field(default_factory=Counter)
    _drawn: dict[Row, None] = field(default_factory=dict)
    _makes: Counter[str] = field(default_factory=Counter)
    _notes: dict[str, list[str]] = field(default_factory=dict)

    def plan(self, keys: Iterable[str]) -> Plan:
        """The plan of the steps that bring these pieces of evidence; see `core.expectation` for the keys."""
        wanted = set(keys)
        for endpoint in self.catalog.endpoints:
            for case in endpoint.cases:
                if parity_key(endpoint.id, case.id) in wanted:
                    self._case(endpoint, case)
            if f"witness:{endpoint.id}" in wanted:
                self._witness(endpoint)
        for kind, part in (("retry", RETRIES), ("certificate", CERTIFICATE), ("replay", REPLAYS)):
            for sequence in sequences_of(self.catalog, kind, self.replays):
                if sequence.key in wanted:
                    self._walk(part, sequence)
        for name, race in self.catalog.races.items():
            if f"race:{name}" in wanted:
                self._race(race)
        for key in sorted(wanted):
            self._other(key)
        self._before()
        notes = {part: tuple(lines) for part, lines in self._notes.items()}
        stays = frozenset(name for name, kind in self.catalog.resources.items() if not kind.remove)
        return Plan(self._times, self._most, tuple(self._drawn), self._makes, stays, notes)

    def _before(self) -> None:
        """What was there is read once for each connection, where the target tells the ids of what is made."""
        is_sure = any(row.part != LOAD and row.writes for row in self._times)
        for home, request in self._all_readings():
            if is_sure:
                self._add(BEFORE, request, home, 1)
            elif any(row.part == DRAWN for row in self._drawn):
                self._draw(BEFORE, request, home, writes=False)

    def _all_readings(self) -> list[tuple[Arm, RequestSpec]]:
        learns = any(kind.learned_id is not None for kind in self.catalog.resources.values())
        readings = self.catalog.readings.values() if learns and not self.settings.is_embedded else ()
        return [(home, spec.request) for home in self.catalog.homes for spec in readings]

    def _other(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        if kind == "sequence":
            self._search(key)
        elif key.startswith("flag:exposure:"):
            self._add(EXPOSURE, RequestSpec("GET", self.settings.arm.probe), self._unforced, EXPOSURE_REQUESTS)
        elif key.startswith("flag:force:"):
            self._force(FORCING)
        elif kind == "rollback":
            self._roll_back(rest)
        elif key == "monitoring:before":
            self._monitoring()
        elif kind == "load":
            self._load(int(rest))

    def _add(
        self, part: str, spec: RequestSpec | Request, arm: str, times: int, most: int = 0, *, writes: bool = False
    ) -> None:
        row = self._row(part, spec, arm, writes=writes)
        self._times[row] += times
        self._most[row] += max(times, most)

    def _row(self, part: str, spec: RequestSpec | Request, arm: str, *, writes: bool) -> Row:
        known = (e.path for e in self.catalog.endpoints if e.method == spec.method and fits_route(e.path, spec.path))
        return Row(part, spec.method, _shown(spec), arm, writes, next(known, spec.path))

    @property
    def _unforced(self) -> str:
        """The arm of a request that is put on none."""
        routing = self.settings.routing
        return FLAG if routing.flag else Arm.CONTROL if routing.by == "url" else NO_ARM

    def _make(self, part: str, given: Sequence[Twin], home: Arm, times: int, most: int) -> None:
        for twin in given:
            resource = self.catalog.resources[twin.resource]
            self._makes[twin.resource] += most
            for step in (resource.create, *(step for state in twin.states for step in resource.states[state])):
                self._add(part, _of(step, resource), home, times, most, writes=True)

    def _undo(self, part: str, resources: Iterable[str], home: Arm, times: int, most: int) -> None:
        for name in resources:
            resource = self.catalog.resources[name]
            for step in (*resource.remove, *resource.neutralise):
                self._add(part, _of(step, resource), home, times, most, writes=True)

    def _read(self, part: str, names: Iterable[str], arm: Arm, times: int, most: int) -> None:
        for name in names:
            self._add(part, self.catalog.readings[name].request, arm, times, most)

    def _created(self, part: str, endpoint: Endpoint, case: Case, home: Arm, times: int, most: int) -> None:
        """What the request itself creates: surely where it succeeds, perhaps where it should not."""
        if endpoint.load.creates is not None and endpoint.shape.ids:
            self._makes[endpoint.load.creates] += most
            self._undo(part, (endpoint.load.creates,), home, times if _succeeds(case) else 0, most)

    def _case(self, endpoint: Endpoint, case: Case) -> None:
        times = self.settings.run.repetitions
        most = times * MAX_ATTEMPTS
        for side in SIDES:
            home = self.catalog.home(ARMS[side])
            self._make(CASES, case.given, home, times, most)
            self._read(CASES, endpoint.reads * 2, home, times, most)
            self._add(CASES, case.request, ARMS[side], times, most, writes=endpoint.writes)
            if endpoint.writes and not self.catalog.separate_state:
                self._read(CASES, endpoint.reads, Arm.CANDIDATE, times, most)
            self._undo(CASES, (twin.resource for twin in case.given), home, times, most)
            self._created(CASES, endpoint, case, home, times, most)

    def _once(self, part: str, endpoint: Endpoint, arm: str, times: int = 1) -> None:
        case = next(case for case in endpoint.cases if _succeeds(case))
        home = self.catalog.home(Arm(arm) if arm in tuple(Arm) else Arm.CONTROL)
        self._make(part, case.given, home, times, times)
        self._add(part, case.request, arm, times, writes=endpoint.writes)
        self._undo(part, (twin.resource for twin in case.given), home, times, times)
        self._created(part, endpoint, case, home, times, times)

    def _force(self, part: str) -> None:
        for endpoint in self.catalog.endpoints:
            for arm in Arm:
                self._once(part, endpoint, arm)

    def _witness(self, endpoint: Endpoint) -> None:
        self._once(WITNESS, endpoint, Arm.CONTROL, CONTROL_CALLS)
        self._once(WITNESS, endpoint, Arm.CANDIDATE, CANDIDATE_CALLS)
        second = self.settings.witness.second
        if not (second.none or second.log or second.header or second.body):
            self._add(WITNESS, RequestSpec("GET", second.metrics or second.counter), self._unforced, 2)

    def _roll_back(self, drill: str) -> None:
        for endpoint in self.catalog.endpoints:
            self._once(ROLLBACK, endpoint, Arm.CONTROL if drill == "request" else self._unforced)
        if drill == "global":
            self._look(ROLLBACK)

    def _look(self, part: str) -> None:
        for path in (self.settings.monitoring.health, self.settings.monitoring.metrics):
            self._add(part, RequestSpec("GET", path), self._unforced, 1)

    def _monitoring(self) -> None:
        self._look(MONITORING)
        if self.settings.routing.flag:
            light = RequestSpec("GET", self.settings.arm.probe)
            for arm in Arm:
                self._add(MONITORING, light, arm, USAGE_REQUESTS // 2)
            self._add(MONITORING, light, FLAG, USAGE_REQUESTS)
            self._add(MONITORING, RequestSpec("GET", self.settings.monitoring.metrics), FLAG, 4)
        self._force(MONITORING)
        self._look(MONITORING)

    def _walk(self, part: str, sequence: Walked) -> None:
        """Control and trial; where they differ, control once more."""
        for side, times, most in ((CONTROL_SIDE, 1, 2), (TRIAL_SIDE, 1, 1)):
            home = home_of(self.catalog, sequence, side)
            self._make(part, sequence.given, home, times, most)
            self._read(part, sequence.reads * 2, home, times, most)
            if not self.catalog.separate_state:
                self._read(part, sequence.reads, Arm.CANDIDATE, times, most)
            live = [(twin.token, twin.resource) for twin in sequence.given]
            for step, arm in zip(sequence.steps, trial_arms(sequence, side), strict=True):
                known = [one for one in self.catalog.endpoints if one.id == step.endpoint]
                writes = known[0].writes if known else step.request.method != "GET"
                self._add(part, step.request, arm, times, most, writes=writes)
                if step.creates is not None:
                    self._makes[step.creates] += most
                    live.append((step.learns[0][1] if step.learns else "run", step.creates))
                live = [(token, resource) for token, resource in live if token != step.removes]
            self._undo(part, (resource for _, resource in live), home, times, most)

    def _race(self, race: RaceSpec) -> None:
        in_order = sum(1 for _ in orders(len(race.calls)))
        for arm, times in ((Arm.CONTROL, in_order + race.rounds), (Arm.CANDIDATE, race.rounds)):
            home = self.catalog.home(arm)
            self._make(RACES, race.given, home, times, times)
            self._read(RACES, race.reads * 2, home, times, times)
            for call in race.calls:
                endpoint = self.catalog.endpoint(call.endpoint)
                self._add(RACES, call.request, arm, times, writes=endpoint.writes)
                if endpoint.load.creates is not None and endpoint.shape.ids:
                    self._makes[endpoint.load.creates] += times
                    self._undo(RACES, (endpoint.load.creates,), home, 0, times)
            self._undo(RACES, (twin.resource for twin in race.given), home, times, times)

    def _search(self, key: str) -> None:
        endpoints, is_routed, budget = field_of(key, self.catalog, self.settings)
        how = "twice routed over both arms" if is_routed else "all on candidate"
        self._note(
            DRAWN,
            f"{key}: at most {budget.examples} sequences of at most {budget.steps} calls, each once on control and "
            f"{how}; one that diverges is shortened for at most {budget.shrink_seconds:g} s; "
            f"{budget.max_seconds:g} s at most",
        )
        for endpoint in endpoints:
            for template in templates(endpoint):
                for arm in Arm:
                    self._draw(DRAWN, template.case.request, arm, writes=endpoint.writes)
        twins = {twin.resource for endpoint in endpoints for case in endpoint.cases for twin in case.given}
        for name in sorted(twins):
            resource = self.catalog.resources[name]
            for step in (resource.create, *resource.remove, *resource.neutralise):
                for home in self.catalog.homes:
                    self._draw(DRAWN, _of(step, resource), home, writes=True)
        for name in reads_of(self.catalog, endpoints):
            for arm in Arm:
                self._draw(DRAWN, self.catalog.readings[name].request, arm, writes=False)

    def _draw(self, part: str, spec: RequestSpec | Request, arm: str, *, writes: bool) -> None:
        self._drawn[self._row(part, spec, arm, writes=writes)] = None

    def _load(self, percent: int) -> None:
        settings, rate = self.settings, planned_rate(self.settings)
        seconds = measured_s(settings, percent, alone=sum(stage > 0 for stage in self.stages) == 1)
        cap = None if settings.is_embedded else settings.load.max_rules
        limit = "" if cap is None else f", at most {cap} requests that create what cannot be deleted"
        self._note(
            LOAD,
            f"{percent} %: {rate:g} requests per second for at most {seconds:g} s, about {round(rate * seconds)}, "
            f"over {len(self.catalog.endpoints)} endpoints{limit}; arrivals and arms are drawn",
        )
        self._pools(settings.load.processes)
        if percent == 0 and settings.load.ramp:
            told = ", ".join(f"{one:g}" for one in ramp_rates(settings, rate))
            self._note(LOAD, f"ramp before it, all on control: {told} requests per second, a second each")
            self._pools(settings.load.processes)
        for endpoint in self.catalog.endpoints:
            for request in endpoint.load.requests:
                for arm in (*Arm, FLAG) if settings.routing.flag else Arm:
                    self._draw(LOAD, request, arm, writes=endpoint.writes)
            if endpoint.load.creates is not None:
                total = sum(one.load.weight for one in self.catalog.endpoints) or 1
                share = round(rate * seconds * endpoint.load.weight / total)
                self._makes[endpoint.load.creates] += share if cap is None else min(cap, share)

    def _pools(self, workers: int) -> None:
        for home, request in self._all_readings():
            self._add(LOAD, request, home, workers)
        for name in dict.fromkeys(endpoint.load.pool for endpoint in self.catalog.endpoints):
            if name is not None:
                pool = self.catalog.pools[name]
                given = (Twin(pool.token, pool.resource, pool.states),)
                for home in self.catalog.homes:
                    self._make(LOAD, given, home, workers * pool.size, workers * pool.size)
                    self._undo(LOAD, (pool.resource,), home, workers * pool.size, workers * pool.size)

    def _note(self, part: str, text: str) -> None:
        self._notes.setdefault(part, []).append(text)


def _succeeds(case: Case) -> bool:
    return case.status is not None and case.status < 300


def _of(step: RequestSpec, resource: ResourceSpec) -> Request:
    """A step of a resource, its own id named after its kind."""
    query = tuple((name, value.replace("{self}", f"{{{resource.name}}}")) for name, value in step.query)
    return Request(step.method, step.path.replace("{self}", f"{{{resource.name}}}"), query, None, None)


def _shown(spec: RequestSpec | Request) -> str:
    """Path and query as the catalog words them; what is too long to read is cut."""
    query = "&".join(f"{name}={'[redacted]' if is_secret_name(name) else value}" for name, value in spec.query)
    whole = redact_text(f"{spec.path}?{query}" if query else spec.path)
    return whole if len(whole) <= _LONGEST_PATH else f"{whole[:_LONGEST_PATH]}…"
