"""Settings come from the file and the command line; what is unknown or wrong is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verification.core.errors import PermissionNeeded, SettingsError, UsageError
from verification.run import choose_stages
from verification.settings import HANDED, Settings, handed_settings, load_settings, require_allowed_target


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rollout.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[run]\nseed = 1\nquick = true\n")
    settings = load_settings(path, {"run": {"seed": 2}, "target": {"url": "http://127.0.0.1:1/"}, "stages": (10,)})
    assert (settings.run.seed, settings.run.quick, settings.target.url) == (2, True, "http://127.0.0.1:1")
    assert settings.stages == (10,)


def test_the_policy_is_the_judges_part() -> None:
    settings = Settings.model_validate({"latency": {"hold_ratio": 1.3}})
    assert settings.policy.latency.hold_ratio == 1.3


MISTAKES: list[tuple[str, list[str]]] = [
    ("[load]\nblock = 3\n", ["load.block", "unknown key", "Did you mean 'blocks'?", "rate_per_s"]),
    ("[nonsense]\nx = 3\n", ["nonsense", "unknown key", "stages"]),
    ("[load]\nblocks = 3.5\n", ["load.blocks", "3.5"]),
    ("[target]\nurl = 'host:80'\n", ["target.url", "http://127.0.0.1:8000", "host:80"]),
    ("[target]\nurl = 'http://[::1'\n", ["target.url"]),
    ("stages = [25, 10]\n", ["stages", "ascending"]),
    ("stages = [10, 101]\n", ["stages.1", "101"]),
    ("[rates]\nhold_error_rate = 0.2\n", ["rates", "hold_error_rate"]),
    ("[[accepted]]\nendpoint = 'GET /x'\n", ["accepted.0.path", "accepted.0.expires"]),
    ("[[accepted]]\nendpont = 'GET /x'\n", ["accepted.0.endpont", "Did you mean 'endpoint'?"]),
    ("a = \n", ["not valid TOML"]),
    ("[witness]\nheader = 'X-A'\nbody = 'a.b'\n", ["witness", "header, body and none exclude each other"]),
    ("[witness]\nlegacy = 'V1'\ndomain = 'v1 '\n", ["witness", "must be different texts"]),
    (
        "[target]\nurl = 'http://127.0.0.1:1'\n[load]\nrate_per_s = 80\n[limits]\nmax_rate_per_s = 50\n",
        ["load.rate_per_s = 80", "limits.max_rate_per_s = 50"],
    ),
    (
        "[target]\nurl = 'http://127.0.0.1:1'\n[load]\nprocesses = 4\n[limits]\nmax_in_flight = 3\n",
        ["load.processes = 4", "limits.max_in_flight = 3"],
    ),
    ("[limits]\nmax_rate = 3\n", ["limits.max_rate", "Did you mean"]),
    ("[limits]\nmax_rate_per_s = 0\n", ["limits.max_rate_per_s", "greater than 0"]),
    ("[witness]\nheadr = 'X-A'\n", ["witness.headr", "Did you mean 'header'?"]),
    ("[witness.second]\ncounter = '/m'\nlog = true\n", ["witness.second", "counter and log exclude each other"]),
    ("[witness.second]\nheader = 'X-B'\n", ["witness.second", "header needs legacy and domain"]),
    ("[witness]\nheader = ''\n", ["witness.header", "at least 1"]),
    ("[witness.second]\ndomain = ''\n", ["witness.second.domain", "at least 1"]),
    (
        "[target]\nurl = 'http://127.0.0.1:1'\n[witness.second]\nlog = true\nlegacy = 'a'\ndomain = 'b'\n",
        ["witness.second.log", "target.log_file"],
    ),
    ("[witness.second]\ncounter = 'm'\n", ["witness.second", "path on the target"]),
    (
        "[witness.second]\nlog = true\nlegacy = '('\ndomain = 'x'\n",
        ["witness.second", "no regular expression"],
    ),
    ("run = 5\n", ["run", "5"]),
    ("[target]\nfallback_words = ' '\n", ["target.fallback_words", "within one line", "falling back to legacy"]),
    ('[target]\nfallback_words = "a\\nb"\n', ["target.fallback_words", "within one line"]),
    ('[target]\nfallback_words = "a\\n"\n', ["target.fallback_words", "within one line"]),
    ("[target]\ncontrol_url = 'http://127.0.0.1:1'\n", ["target", "belong together"]),
    (
        "[target]\nurl = 'http://h'\ncontrol_url = 'http://a'\ncandidate_url = 'http://b'\n",
        ["target", "one backend with a switch", "two backends"],
    ),
    ("[target]\ncontrol_url = 'http://a/'\ncandidate_url = 'http://a'\n", ["old would be compared with old"]),
    (
        "[target]\ncontrol_url = 'http://localhost:80'\ncandidate_url = 'http://gate:x@127.0.0.1/'\n",
        ["old would be compared with old"],
    ),
    ("[target]\nready = '/ready?full=1'\n", ["target.ready"]),
    ("[target]\nurl = 'http://h/#/x'\n", ["target.url"]),
    (
        "[target]\ncontrol_url = 'http://0.0.0.0:81'\ncandidate_url = 'http://127.0.0.1:81'\n",
        ["old would be compared with old"],
    ),
    ("[target.authentication]\nheader = 'X-Key'\n", ["target.authentication", "one of environment and file"]),
    ("[target.authentication]\nvalue = 's'\n", ["target.authentication.value", "unknown key", "environment"]),
    ("[target]\nready = 'ping'\n", ["target.ready"]),
    ("[arm]\nquery = 'a'\nheader = 'X-A'\n", ["arm", "query and header exclude each other"]),
    ("[arm]\nheader = 'X-A'\n", ["arm", "header needs control and candidate"]),
    ("[arm]\ncookie = 'a'\ncontrol = 'x'\ncandidate = 'x'\n", ["arm", "must differ"]),
    ("[arm]\npath = true\ncontrol = ''\ncandidate = 'v2'\n", ["arm", "begins with a slash"]),
    ("[percent]\ncommand = ['a']\nfile = {path = 'x', text = '1'}\n", ["percent", "command and file exclude"]),
    ("[percent]\nenvironment = {A = '1'}\n", ["percent", "environment belongs to command"]),
    ("[target]\nrestart_command = ['x']\n", ["target.restart_command", "unknown key"]),
    ("[witness.second]\nmetrics = '/m'\n", ["witness.second", "metrics needs legacy and domain"]),
    ("[witness.second]\nmetrics = '/m'\nlegacy = 'a b'\ndomain = 'n'\n", ["'a b' is no metric"]),
    ("[witness.second]\nmetrics = '/m?x=1'\nlegacy = ''\ndomain = 'n'\n", ["witness.second.metrics", "/m?x=1"]),
    ("[witness.second]\nmetrics = '/m'\nlegacy = ''\ndomain = 'n{by=new}'\n", ["is no metric"]),
    ("[target]\nurl = 'http://127.0.0.1:1?'\n", ["target.url"]),
    ("[target]\nurl = 'http://127.0.0.1:1#'\n", ["target.url"]),
    ("[witness.second]\nmetrics = '/m'\ncounter = '/c'\n", ["counter and metrics exclude each other"]),
    ("[latency]\nfloor_ms = inf\n", ["latency.floor_ms", "inf"]),
    ("[rates]\nexposure_alarm = nan\n", ["rates.exposure_alarm", "nan"]),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_names_file_place_and_what_is_valid(tmp_path: Path, text: str, said: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {"run": {"quick": True}})
    assert str(path) in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_a_password_in_a_wrong_url_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, "[target]\nurl = 'ftp://gate:s3cr3t@host/'\n"), {})
    assert "target.url" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@backend.example:80",
        "http://localhost.example",
        "http://0.0.0.0:80",
        "http://127.0.0.1.example",
        "http://10.0.0.1:80",
        "http://[::]:80",
    ],
)
def test_what_only_looks_like_this_machine_needs_permission(url: str) -> None:
    with pytest.raises(PermissionNeeded, match="--allow-writes"):
        require_allowed_target(settings(url))


def test_a_percent_is_changed_only_where_the_settings_say_how() -> None:
    with pytest.raises(UsageError, match=r"percent\.command.*percent\.http or percent\.file"):
        require_allowed_target(settings("http://127.0.0.1:1", allow_percent_change=True, allow_restart=True))
    how = {"target": {"url": "http://127.0.0.1:1"}, "percent": {"command": ["x"]}}
    with pytest.raises(UsageError, match="--allow-restart"):
        require_allowed_target(Settings.model_validate({**how, "run": {"allow_percent_change": True}}))


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})


def settings(url: str | None, **run: Any) -> Settings:
    return Settings.model_validate({"target": {"url": url}, "run": run})


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000"])
def test_this_machine_needs_no_permission(url: str | None) -> None:
    require_allowed_target(settings(url))


def test_another_machine_needs_a_yes() -> None:
    with pytest.raises(PermissionNeeded, match="--allow-writes"):
        require_allowed_target(settings("http://backend.example:80"))
    require_allowed_target(settings("http://backend.example:80", allow_writes=True))


def test_a_named_target_stands_at_exactly_one_stage() -> None:
    named = settings("http://127.0.0.1:1")
    assert choose_stages(named, [25]) == (25,)
    for stages in ([], [10, 25]):
        with pytest.raises(UsageError, match="--stage 25"):
            choose_stages(named, stages)
    assert choose_stages(settings(None), [25, 10, 25]) == (10, 25)
    assert choose_stages(settings(None), []) == (0, 10, 25, 50, 100)


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, "[load]\nblocks = 40\nblock_s = 2.0\nprocesses = 2\n")
    environment = {"RELEASE_GATE__LOAD__BLOCKS": "50", "RELEASE_GATE__LOAD__PROCESSES": "3", "OTHER": "1"}
    found = load_settings(path, {"load": {"processes": 4}}, environment)
    assert (found.load.blocks, found.load.block_s, found.load.processes) == (50, 2.0, 4)
    assert found.sources["load.blocks"] == "environment RELEASE_GATE__LOAD__BLOCKS"
    assert found.sources["load.block_s"] == str(path)
    assert found.sources["load.processes"] == "command line"
    assert "load.drain_s" not in found.sources


def test_what_the_command_line_leaves_empty_takes_nothing_from_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[target]\nurl = 'http://127.0.0.1:1'\n")
    assert load_settings(path, {"target": {}, "run": {}}, {}).target.url == "http://127.0.0.1:1"


def test_a_mistake_says_where_the_value_came_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="environment RELEASE_GATE__LOAD__BLOCKS"):
        load_settings(written(tmp_path, ""), {}, {"RELEASE_GATE__LOAD__BLOCKS": "many"})


def test_paths_in_a_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path, "[catalog]\npath = 'mine'\n[target]\nlog_file = '/var/log/x'\n")
    found = load_settings(path, {}, {})
    assert found.catalog.path == tmp_path / "mine"
    assert found.target.log_file == Path("/var/log/x")


def test_two_urls_are_their_own_routing_and_witness_and_part_the_state() -> None:
    two = Settings.model_validate({"target": {"control_url": "http://a", "candidate_url": "http://b/"}})
    assert (two.routing.by, two.routing.control, two.routing.candidate) == ("url", "http://a", "http://b")
    assert not two.routing.flag
    assert two.first_witness.address
    assert two.has_separate_state
    assert not two.has_monitoring
    assert not two.is_embedded
    assert choose_stages(two, []) == (100,)
    shared = Settings.model_validate(
        {
            "target": {"control_url": "http://a", "candidate_url": "http://b"},
            "arm": {"shared_state": True},
            "monitoring": {"none": False},
            "witness": {"header": "X-By"},
        }
    )
    assert not shared.has_separate_state
    assert shared.has_monitoring
    assert shared.first_witness.header == "X-By"


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ({}, ("query", "force_domain", "false", "true")),
        ({"query": "new", "control": "0", "candidate": "1"}, ("query", "new", "0", "1")),
        ({"header": "X-Arm", "control": "a", "candidate": "b"}, ("header", "X-Arm", "a", "b")),
        ({"cookie": "arm", "control": "a", "candidate": "b"}, ("cookie", "arm", "a", "b")),
        ({"path": True, "control": "", "candidate": "/v2"}, ("path", "", "", "/v2")),
    ],
)
def test_each_way_of_putting_a_request_on_an_arm_can_be_declared(
    arm: dict[str, Any], expected: tuple[str, ...]
) -> None:
    routing = Settings.model_validate({"arm": arm}).routing
    assert (routing.by, routing.name, routing.control, routing.candidate) == expected
    assert routing.flag
    assert not Settings.model_validate({"arm": {**arm, "flag": False}}).routing.flag


def test_settings_are_handed_on_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Settings.model_validate({"witness": {"none": True, "second": {"none": True}}, "load": {"blocks": 41}})
    monkeypatch.setenv(HANDED, mine.model_dump_json(exclude_unset=True))
    assert handed_settings() == mine


def test_caps_are_of_named_targets_only(tmp_path: Path) -> None:
    path = written(
        tmp_path, "[load]\nrate_per_s = 80\nprocesses = 4\n[limits]\nmax_rate_per_s = 50\nmax_in_flight = 3\n"
    )
    assert load_settings(path, {}).limits.max_rate_per_s == 50


def test_a_commands_own_variables_keep_their_letters_and_nothing_stands_below_a_value(tmp_path: Path) -> None:
    path = written(tmp_path, "[percent]\ncommand = ['x']\n[load]\nrate_per_s = 80\n")
    found = load_settings(path, {}, {"RELEASE_GATE__PERCENT__ENVIRONMENT__ROLLOUT_PERCENT": "at {percent}"})
    assert found.percent.environment == {"ROLLOUT_PERCENT": "at {percent}"}
    with pytest.raises(SettingsError, match="RATE_PER_S__MAX"):
        load_settings(path, {}, {"RELEASE_GATE__LOAD__RATE_PER_S__MAX": "3"})


def test_a_secret_in_the_wrong_place_is_not_quoted(tmp_path: Path) -> None:
    for text in ("[target]\nauthentication = 's3cret'\n", "[percent]\ncommand = ['x']\nenvironment = 's3cret'\n"):
        with pytest.raises(SettingsError) as caught:
            load_settings(written(tmp_path, text), {}, {})
        assert "s3cret" not in str(caught.value)


def test_words_of_a_fallback_are_a_named_backends_own(tmp_path: Path) -> None:
    words = "[target]\nfallback_words = 'old code took over'\n"
    named = load_settings(written(tmp_path, words + "url = 'http://127.0.0.1:1'\n"), {}, {})
    assert named.target.words_of_a_fallback == "old code took over"
    # The embedded one would be searched for words that it never says.
    assert load_settings(written(tmp_path, words), {}, {}).target.words_of_a_fallback == "falling back to legacy"
