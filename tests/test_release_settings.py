"""[release] in the settings: the plan, where it is written down, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.core.errors import SettingsError
from verification.core.model import Verdict
from verification.core.release.plan import USUAL_STAGES, ReleasePlan
from verification.settings import Settings, load_settings
from verification.settings.release import ReleaseSettings

STAGE = "[[release.stages]]\npercent = {}\nleast_hours = 1\nmost_hours = 2\nlooks = 3\nrequests = 10\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rollout.toml"
    path.write_text(text, encoding="utf-8")
    return path


def release_of(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> ReleaseSettings:
    return load_settings(written(tmp_path, text), {}, environment or {}).release


def test_without_settings_the_plan_is_the_contracts() -> None:
    release = Settings().release
    assert release.plan == ReleasePlan()
    assert [(stage.percent, stage.least_hours, stage.most_hours) for stage in release.stages] == [
        (10, 24, 48), (25, 72, 120), (50, 168, 240), (100, 168, 336),
    ]  # fmt: skip
    assert (release.serious_feedback, release.needs_gate, release.ledger) == (
        Verdict.ROLLBACK, True, Path("release.sqlite"),
    )  # fmt: skip
    assert (release.prometheus, release.notify) == (None, None)


def test_two_reads_bring_the_samples_of_every_stage_within_its_longest_window() -> None:
    look = Settings().release.look
    assert all(2 * look.requests * (stage.most_hours + 1) >= stage.requests for stage in USUAL_STAGES)


def test_the_plan_of_a_file_is_the_one_that_is_judged_by(tmp_path: Path) -> None:
    text = f"[release]\nneeds_gate = false\nserious_feedback = 'HOLD'\n{STAGE.format(5)}{STAGE.format(100)}"
    plan = release_of(tmp_path, text).plan
    assert type(plan) is ReleasePlan
    assert (plan.percents, plan.needs_gate, plan.serious_feedback) == ((5, 100), False, Verdict.HOLD)


MISTAKES: list[tuple[str, list[str]]] = [
    ("[release]\nledgr = 'x'\n", ["release.ledgr", "unknown key", "Did you mean 'ledger'?", "needs_gate"]),
    ("[release.look]\nrequest = 3\n", ["release.look.request", "Did you mean 'requests'?", "natural"]),
    (STAGE.format(10) + "hours = 3\n", ["release.stages.0.hours", "unknown key", "least_hours"]),
    (STAGE.format(25) + STAGE.format(10), ["release.stages", "[25, 10] must ascend, each once"]),
    (STAGE.format(10) + STAGE.format(10), ["release.stages", "must ascend, each once"]),
    ("[release]\nstages = []\n", ["release.stages", "at least 1 item"]),
    (STAGE.format(101), ["release.stages.0.percent", "101"]),
    (STAGE.format(0), ["release.stages.0.percent", "greater than or equal to 1"]),
    (STAGE.format("'ten'"), ["release.stages.0.percent", "ten"]),
    (STAGE.format(10).replace("least_hours = 1", "least_hours = 3"), ["least_hours = 3 is more than most_hours = 2"]),
    (STAGE.format(10).replace("looks = 3", "looks = 4"), ["looks = 4 do not fit", "there are 3 of them"]),
    (STAGE.format(10) + "every_hours = 0\n", ["release.stages.0.every_hours"]),
    (STAGE.format(10) + "every_hours = inf\n", ["release.stages.0.every_hours"]),
    ("[[release.stages]]\npercent = 10\n", ["release.stages.0.least_hours", "release.stages.0.requests"]),
    ("[release]\nmost_missed_share = 1.0\n", ["release.most_missed_share", "less than 1"]),
    ("[release]\nserious_feedback = 'PANIC'\n", ["release.serious_feedback", "'ROLLBACK'", "PANIC"]),
    ("[release.look]\nnatural = 0\n", ["release.look.natural", "greater than or equal to 1"]),
    ("[release.look]\nrequests = 0\n", ["release.look.requests"]),
    ("[release.prometheus]\nurl = 'localhost:9090'\n", ["release.prometheus.url", "http://127.0.0.1:9090"]),
    ("[release.prometheus]\nurl = 'http://'\n", ["release.prometheus.url"]),
    ("[release.prometheus]\nurl = 'http://[::1'\n", ["release.prometheus.url"]),
    ("[release.prometheus]\nqueries = {a = 'up'}\n", ["release.prometheus.url", "required"]),
    (
        "[release.prometheus]\nurl = 'http://h'\nqueries = {'a b' = 'up'}\n",
        ["release.prometheus.queries.a b", "pattern"],
    ),
    ("[release.prometheus]\nurl = 'http://h'\nqueries = {a = ''}\n", ["release.prometheus.queries.a"]),
    ("[release.notify]\n", ["release.notify", "one of environment and file"]),
    ("[release.notify]\nenvironment = 'A'\nfile = 'b'\n", ["release.notify", "one of environment and file"]),
    ("[release.notify]\nurl = 'https://hooks/x'\n", ["release.notify.url", "unknown key", "environment"]),
    ("[release.notify]\nfile = 'b'\ntemplate = '{text'\n", ["release.notify.template", "is no JSON"]),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_names_file_place_and_what_is_valid(tmp_path: Path, text: str, said: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, {})
    assert str(path) in str(caught.value)
    assert [word for word in said if word not in str(caught.value)] == []


def test_a_password_in_a_mistaken_url_is_not_repeated(tmp_path: Path) -> None:
    path = written(tmp_path, "[release.prometheus]\nurl = 'ftp://me:hunter2secret@h'\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, {})
    assert "hunter2secret" not in str(caught.value)


def test_paths_in_a_file_are_meant_from_that_files_folder(tmp_path: Path) -> None:
    release = release_of(tmp_path, "[release]\nledger = 'kept/r.sqlite'\n[release.notify]\nfile = 'hook'\n")
    assert release.notify is not None
    assert (release.ledger, release.notify.file) == (tmp_path / "kept" / "r.sqlite", tmp_path / "hook")
    assert release_of(tmp_path, "[release]\nledger = '/var/r.sqlite'\n").ledger == Path("/var/r.sqlite")


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, "[release]\nneeds_gate = true\nledger = 'a.sqlite'\n[release.look]\nrequests = 5\n")
    environment = {
        "RELEASE_GATE__RELEASE__NEEDS_GATE": "false",
        "RELEASE_GATE__RELEASE__LOOK__REQUESTS": "6",
        "RELEASE_GATE__RELEASE__LEDGER": "/var/b.sqlite",
    }
    settings = load_settings(path, {"release": {"look": {"requests": 7}}}, environment)
    release = settings.release
    assert (release.needs_gate, release.look.requests, release.ledger) == (False, 7, Path("/var/b.sqlite"))
    assert settings.sources["release.needs_gate"] == "environment RELEASE_GATE__RELEASE__NEEDS_GATE"
    assert settings.sources["release.look.requests"] == "command line"


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="environment RELEASE_GATE__RELEASE__MOST_MISSED_SHARE"):
        load_settings(written(tmp_path, ""), {}, {"RELEASE_GATE__RELEASE__MOST_MISSED_SHARE": "2"})


def test_a_prometheus_address_has_no_slash_at_its_end(tmp_path: Path) -> None:
    found = release_of(tmp_path, "[release.prometheus]\nurl = 'https://h:1/p/'\nqueries = {up = 'up'}\n").prometheus
    assert found is not None
    assert (found.url, dict(found.queries)) == ("https://h:1/p", {"up": "up"})
