from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests.options import add_to, stage_options
from verification.core.cases import Endpoint, LoadSpec, RequestSpec, Shape
from verification.core.errors import PermissionNeeded, UsageError
from verification.core.witness import DEFAULT_WITNESS, Witness
from verification.drive.load import LoadPlan, command
from verification.settings import HANDED, Settings, is_loopback


def endpoint(name: str, *, writes: bool, pool: str | None = None) -> Endpoint:
    method, path = name.split(" ")
    load = LoadSpec(1.0, (RequestSpec(method, path),), pool)
    return Endpoint(name, method, path, writes, Shape(), Shape(), (), (), load)


READ = endpoint("GET /health", writes=False)
READ_OF_TWINS = endpoint("GET /cameras/{id}/status", writes=False, pool="steady")
WRITE = endpoint("POST /alerts/rules", writes=True)
ALL = (READ, READ_OF_TWINS, WRITE)


def parsed(**changes: Any) -> Namespace:
    values: dict[str, Any] = {
        "stage": 25,
        "rate": 100.0,
        "block_seconds": 1.5,
        "blocks": 40,
        "load_seed": 1,
        "warm_up_seconds": 2.0,
        "drain_seconds": 10.0,
        "endpoints": "",
        "run_dir": "",
        "evidence_name": "",
        "max_rules": 100,
        "max_twins": 60,
        "error_status_from": None,
        "witness_header": "",
        "no_witness": False,
        "witness_body": "",
        "witness_legacy": "legacy",
        "witness_domain": "domain",
        "server_time_header": "Server-Timing",
        "disposable_target": False,
        "allow_writes": False,
        "allow_destructive": False,
        "raw_samples": "",
        "ramp_rates": "",
        "whole": False,
    }
    return Namespace(**{**values, **changes})


LOCAL = "http://127.0.0.1:8000"


def test_a_ramp_is_asked_at_the_rates_that_are_named() -> None:
    assert stage_options(parsed(ramp_rates="20, 40.5", blocks=2), LOCAL, ALL).ramp_rates == (20.0, 40.5)


@pytest.mark.parametrize("rates", ["20,fast", "20,0", "-1"])
def test_rates_that_are_none_are_refused(rates: str) -> None:
    with pytest.raises(UsageError, match="--ramp-rates"):
        stage_options(parsed(ramp_rates=rates), LOCAL, ALL)


@pytest.mark.parametrize(
    ("host", "changes", "message"),
    [
        (None, {}, "--host is missing"),
        ("127.0.0.1:8000", {}, "is no URL"),
        (LOCAL, {"stage": None}, "--stage is missing"),
        (LOCAL, {"endpoints": "GET /nothing"}, "unknown endpoint 'GET /nothing'; valid are: GET /health"),
        (LOCAL, {"blocks": 2}, "--blocks 6"),
        (LOCAL, {"max_rules": -1}, "--max-rules"),
        (LOCAL, {"max_twins": 0}, "--max-twins"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_what_is_valid(
    host: str | None, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        stage_options(parsed(**changes), host, ALL)


@pytest.mark.parametrize("name", [WRITE.id, READ_OF_TWINS.id])
def test_another_machine_is_not_written_to_without_permission_and_twins_are_writes_too(name: str) -> None:
    with pytest.raises(PermissionNeeded, match=r"Nothing was sent.*--allow-writes"):
        stage_options(parsed(endpoints=name), "https://staging.example:8443", ALL)
    allowed = stage_options(parsed(endpoints=name, allow_writes=True), "https://staging.example:8443", ALL)
    assert allowed.endpoints == (name,)


def test_another_machine_may_be_read_from() -> None:
    assert stage_options(parsed(endpoints=READ.id), "https://staging.example", ALL).endpoints == (READ.id,)


def test_only_a_target_that_is_thrown_away_has_no_cap_on_what_cannot_be_deleted() -> None:
    assert stage_options(parsed(), LOCAL, ALL).max_rules == 100
    assert stage_options(parsed(disposable_target=True), LOCAL, ALL).max_rules is None
    creates = replace(WRITE, load=replace(WRITE.load, creates="rule"))
    assert stage_options(parsed(), LOCAL, (READ, creates)).capped == (creates.id,)
    assert stage_options(parsed(disposable_target=True), LOCAL, (READ, creates)).capped == ()


def test_what_counts_as_an_error_is_the_policys_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage_options(parsed(), LOCAL, ALL).error_status_from == 500
    (tmp_path / "rollout.toml").write_text("[rates]\nerror_status_from = 400\n")
    monkeypatch.chdir(tmp_path)
    assert stage_options(parsed(), LOCAL, ALL).error_status_from == 400
    assert stage_options(parsed(error_status_from=503), LOCAL, ALL).error_status_from == 503


@pytest.mark.parametrize("seed", ["-1", "1.5", "x"])
def test_a_seed_that_is_none_is_refused(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_to(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--stage", "25", "--load-seed", seed])
    assert "whole number from 0 on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("http://127.0.0.1:80", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:  # the table's own column
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "witness",
    [
        DEFAULT_WITNESS,
        Witness("X-By", None, "1", "2"),
        Witness(None, "made.by", "v1", "v2"),
        Witness(None, None),
    ],
)
def test_a_stage_reads_the_witness_that_the_gate_was_told_of(witness: Witness, tmp_path: Path) -> None:
    plan = LoadPlan(LOCAL, 25, 100.0, 1.0, 40, 1, witness=witness)
    parser = ArgumentParser(exit_on_error=False)
    add_to(parser)
    told = ArgumentParser.parse_known_args(parser, command(plan, tmp_path))[0]
    assert stage_options(told, LOCAL, ALL).witness == witness


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"witness_header": "X-A", "witness_body": "a"}, "exclude each other"),
        ({"witness_body": "a", "no_witness": True}, "exclude each other"),
        ({"witness_legacy": "v1", "witness_domain": "V1"}, "must be different texts"),
    ],
)
def test_a_witness_that_cannot_be_read_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stage_options(parsed(**changes), LOCAL, ALL)


def test_a_rate_above_the_cap_of_the_target_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rollout.toml").write_text("[limits]\nmax_rate_per_s = 50\nmax_in_flight = 9\n", encoding="utf-8")
    with pytest.raises(UsageError, match="--rate 100: this target may be sent 50 requests per second"):
        stage_options(parsed(), LOCAL, ALL)
    with pytest.raises(UsageError, match="--rate 60"):
        stage_options(parsed(rate=40.0, ramp_rates="20,60"), LOCAL, ALL)
    found = stage_options(parsed(rate=50.0), LOCAL, ALL)
    assert (found.rate_per_s, found.max_in_flight) == (50, 9)
    assert stage_options(parsed(disposable_target=True), LOCAL, ALL).max_in_flight is None


def test_the_caps_of_the_gates_settings_hold_in_locusts_process(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"target": {"url": LOCAL}, "limits": {"max_rate_per_s": 30, "max_in_flight": 5}})
    monkeypatch.setenv(HANDED, settings.model_dump_json(exclude_unset=True))
    assert stage_options(parsed(rate=30.0), LOCAL, ALL).max_in_flight == 5
    with pytest.raises(UsageError, match="may be sent 30"):
        stage_options(parsed(rate=31.0), LOCAL, ALL)
