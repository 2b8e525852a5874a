"""A plan says what is really sent: the same steps are counted and then taken, against a backend that answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.reference.running import running
from verification.catalog.load import load_catalog, select
from verification.catalog.sequences import sequences_of
from verification.core.cases import Catalog
from verification.core.expectation import owed, parity_key, search_keys
from verification.core.model import Arm, Exchange, Request
from verification.core.plan import DRAWN, FLAG, LOAD, Plan
from verification.drive.caller import Caller
from verification.drive.campaign import Campaign, Place
from verification.drive.draft import Draft
from verification.run import scope_of
from verification.settings import Settings

CHOSEN = (
    "POST /alerts/rules",
    "PUT /alerts/rules/{rule_id}",
    "POST /cameras/{id}/deactivate",
    "GET /cameras/{id}/stats",
)
PING = "/api/ping"


def few(catalog: Catalog) -> Catalog:
    """Four endpoints, each with its first cases by hand, and two races."""
    chosen = select(catalog, CHOSEN)
    endpoints = tuple(replace(endpoint, cases=endpoint.cases[:3]) for endpoint in chosen.endpoints)
    races = {name: race for name, race in chosen.races.items() if name.endswith("rules-at-once")}
    return replace(chosen, endpoints=endpoints, races=races)


CATALOG = few(load_catalog())


@dataclass
class Taken:
    """A campaign whose every request is counted by method, arm and length of its path."""

    campaign: Campaign
    settings: Settings
    sent: Counter[tuple[str, str, int]]


def kind(method: str, arm: str, path: str) -> tuple[str, str, int]:
    return method, arm, len(re.sub(r"[?].*", "", path).split("/"))


@pytest.fixture(scope="module")
def _url() -> Iterator[str]:
    with running("--percent", "25") as backend:
        yield str(backend.client.base_url).rstrip("/")


@pytest.fixture
def taken(_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    with taking(Settings.model_validate({"target": {"url": _url}}), CATALOG, tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def taken_of_two(_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    """Two backends, each with a state of its own."""
    with running("--percent", "100") as other:
        urls = {"control_url": _url, "candidate_url": str(other.client.base_url).rstrip("/")}
        settings = Settings.model_validate({"target": urls})
        with taking(settings, replace(CATALOG, separate_state=True), tmp_path, monkeypatch) as found:
            yield found


@contextmanager
def taking(settings: Settings, catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    sent: Counter[tuple[str, str, int]] = Counter()
    really = Caller.call

    def call(self: Caller, request: Request, arm: Arm, *, force: bool = True) -> Exchange:
        if request.path != PING:
            sent[kind(request.method, arm.value if force else FLAG, request.path)] += 1
        return really(self, request, arm, force=force)

    monkeypatch.setattr(Caller, "call", call)
    campaign = Campaign(settings, catalog, Place(folder, "main", "tag"), (25,))
    yield Taken(campaign, settings, sent)
    campaign.close()


def planned(settings: Settings, *keys: str) -> Plan:
    return Draft(CATALOG, settings, (25,)).plan(keys)


def counted(plan: Plan) -> Counter[tuple[str, str, int]]:
    found: Counter[tuple[str, str, int]] = Counter()
    for row, times in plan.times.items():
        found[kind(row.method, row.arm, row.path)] += times
    return found


def test_cases(taken: Taken) -> None:
    keys = []
    for endpoint in CATALOG.endpoints:
        for case in endpoint.cases:
            keys.append(parity_key(endpoint.id, case.id))
            taken.campaign.compare(endpoint, case)
    assert counted(planned(taken.settings, *keys)) == taken.sent


@pytest.mark.parametrize("kind_of", ["retry", "certificate"])
def test_sequences_that_follow_from_the_catalog(taken: Taken, kind_of: str) -> None:
    sequences = list(sequences_of(CATALOG, kind_of))
    for sequence in sequences:
        taken.campaign.walk(sequence)
    plan = planned(taken.settings, *(sequence.key for sequence in sequences))
    missing, most = counted(plan) - taken.sent, Counter[tuple[str, str, int]]()
    for row, count in plan.most.items():
        most[kind(row.method, row.arm, row.path)] += count
    assert not missing
    assert not taken.sent - most


def test_races_witnesses_exposure_forcing_rollback_and_monitoring(taken: Taken) -> None:
    campaign, keys = taken.campaign, ["flag:exposure:25", "flag:force:25", "rollback:request", "monitoring:before"]
    for name in CATALOG.races:
        campaign.race(name)
        keys.append(f"race:{name}")
    for endpoint in CATALOG.endpoints:
        campaign.witness(endpoint)
        keys.append(f"witness:{endpoint.id}")
    campaign.expose(25)
    campaign.force(25)
    campaign.roll_back_by_request()
    campaign.watch("before")
    campaign.use()
    campaign.force(25)
    campaign.watch("after")
    assert CATALOG.races
    assert counted(planned(taken.settings, *keys)) == taken.sent


def test_what_is_drawn_comes_from_what_the_plan_names_and_stays_below_its_bounds(taken: Taken) -> None:
    key = next(key for key in search_keys(CATALOG) if key.startswith("sequence:routed:rules"))
    taken.campaign.settings = taken.settings.model_copy(
        update={"sequences": taken.settings.sequences.model_copy(update={"examples": 4, "steps": 5})}
    )
    taken.campaign.search(key)
    plan = planned(taken.campaign.settings, key)
    assert {kind(row.method, row.arm, row.path) for row in plan.drawn} >= set(taken.sent)
    assert f"{key}: at most 4 sequences of at most 5 calls" in plan.notes[DRAWN][0]


def test_of_two_backends_each_side_is_counted_with_its_own_state(taken_of_two: Taken) -> None:
    """Nothing is read across, nothing routed over both, and there is no certificate."""
    campaign, settings = taken_of_two.campaign, taken_of_two.settings
    keys = [key for key in owed(campaign.catalog, scope_of(settings, (100,)))[0] if "sequence" not in key]
    keys = [key for key in keys if not key.startswith("load")]
    for endpoint in campaign.catalog.endpoints:
        for case in endpoint.cases:
            campaign.compare(endpoint, case)
    for name in campaign.catalog.races:
        campaign.race(name)
    for sequence in sequences_of(campaign.catalog, "retry"):
        if sequence.key in keys:
            campaign.walk(sequence)
    assert {key.split(":")[0] for key in keys} == {"parity", "race", "retry"}
    plan = Draft(campaign.catalog, settings, (100,)).plan(keys)
    assert counted(plan) == taken_of_two.sent
    reads = {row.path for row in plan.times if row.arm is Arm.CANDIDATE and not row.writes}
    makes = {row.path for row in plan.times if row.arm is Arm.CANDIDATE and row.writes}
    assert "/api/v1/cameras" in reads
    assert "/api/v1/cameras/{camera}" in makes, "removed on the side where it was made"


def test_of_two_backends_drawn_sequences_and_load_are_on_both_and_on_no_flag() -> None:
    two = {"control_url": "http://127.0.0.1:9", "candidate_url": "http://127.0.0.1:10"}
    settings = Settings.model_validate({"target": two, "load": {"processes": 1}})
    catalog = replace(CATALOG, separate_state=True)
    plan = Draft(catalog, settings, (100,)).plan(owed(catalog, scope_of(settings, (100,)))[0])
    assert {row.arm for row in (*plan.times, *plan.drawn)} == set(Arm)
    assert "routed" not in str(plan.notes)
    homes = {row.arm for row in plan.drawn if row.part == DRAWN and row.path == "/api/v1/cameras/{camera}"}
    assert homes == set(Arm)
    pools = {row.arm for row in plan.times if row.part == LOAD and row.method == "DELETE"}
    assert pools == set(Arm)


def test_a_load_is_told_with_its_rate_its_length_and_what_it_may_leave() -> None:
    settings = Settings.model_validate(
        {"target": {"url": "http://127.0.0.1:9"}, "load": {"max_rules": 7, "rate_per_s": 50, "processes": 2}}
    )
    plan = Draft(CATALOG, settings, (0, 25)).plan(["load:0", "load:25"])
    stage, ramp, other = plan.notes[LOAD]
    assert "0 %: 50 requests per second for at most 30 s, about 1500, over 4 endpoints" in stage
    assert "25 %: 50 requests per second for at most 180 s" in other
    assert "at most 7 requests that create what cannot be deleted" in other
    assert ramp == (
        "ramp before it, all on control: 15, 30, 45, 60, 75, 90, 105, 120 requests per second, a second each"
    )
    # Two workers' pools of rules for two stages and the ramp, and seven rules of each stage.
    assert plan.makes["rule"] == 2 * 4 * 3 + 7 * 2
    assert plan.stays == {"rule"}


def test_a_whole_run_is_planned_part_by_part() -> None:
    catalog = load_catalog()
    settings = Settings.model_validate({"target": {"url": "http://127.0.0.1:9"}})
    keys, _ = owed(catalog, scope_of(settings, (25,)))
    plan = Draft(catalog, settings, (25,)).plan(keys)
    parts = {row.part for row in (*plan.times, *plan.drawn)}
    assert len(parts) == 12, "all but the counterexamples of earlier runs"
    assert all(plan.most[row] >= plan.times[row] for row in plan.most)
