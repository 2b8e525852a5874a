"""Starting and rolling back: a clear refusal, a proven move, or a proven return."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.production.deployment import Deployment, deployed
from tests.rollout.releasing import Release, ask
from verification.cli import main
from verification.core.errors import PermissionNeeded, UsageError
from verification.core.model import Verdict
from verification.core.release.events import Judged, RolledBack, Started
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import Standing
from verification.rollout import control
from verification.rollout.feedback import Word, add
from verification.rollout.ledger import Ledger, sole_mover, sole_observer
from verification.rollout.proof import Proof, prove_percent
from verification.rollout.script import rollback_script
from verification.settings import Settings


def last(release: Release) -> object:
    return release.ledger.events()[-1][2]


@pytest.mark.parametrize("text", ["101", "ten", "-1", "1e1", "10.5", "", "\u0661\u0660", "10 "])
def test_what_is_no_percent_is_refused_before_anything_is_opened(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["start", "--target", "http://127.0.0.1:9", "--", text]) == 2
    assert "a percent is a whole number from 0 to 100" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def at(percent: int, verdict: Verdict | None) -> Standing:
    judged = None if verdict is None else Judged(percent, verdict, (), "")
    return Standing(percent=percent, judged=judged)


@pytest.mark.parametrize(
    ("standing", "percent", "said"),
    [
        (at(0, None), 10, None),
        (at(0, None), 25, "25 % would skip a stage: first comes 10 %"),
        (at(10, Verdict.PROMOTE), 50, "50 % would skip a stage: after 10 % comes 25 %"),
        (at(10, Verdict.PROMOTE), 25, None),
        (at(10, Verdict.INCONCLUSIVE), 25, "10 % has not passed: the verdict is INCONCLUSIVE"),
        (at(10, Verdict.HOLD), 25, "10 % has not passed: the verdict is HOLD"),
        (at(10, None), 25, "10 % has not passed: there is no verdict yet"),
        (at(25, Verdict.HOLD), 10, None),
        (at(25, Verdict.HOLD), 25, None),
        (at(25, Verdict.PROMOTE), 30, "30 % is no stage of the plan"),
        (at(25, None), 0, "0 % is no stage: `rollback`"),
    ],
)
def test_no_stage_is_skipped_and_none_begun_without_a_promote(
    standing: Standing, percent: int, said: str | None
) -> None:
    refused = control.refusal(standing, ReleasePlan(), percent)
    if said is None:
        assert refused is None
    else:
        assert refused is not None
        assert said in refused


def test_started_is_said_when_the_answers_show_the_share_and_written_down(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    done = release.start(10)
    assert done.is_proven
    assert done.lines[0] == "started: 10 %"
    event = last(release)
    assert isinstance(event, Started)
    assert (event.percent, event.former, event.who, event.is_proven) == (10, 0, "maria", True)
    assert "of 300 unforced requests served by domain" in event.detail

    with pytest.raises(UsageError, match="50 % would skip a stage"):
        release.start(50)
    assert release.ledger.standing().percent == 10
    overridden = release.start(25, override="the customer waits")
    assert overridden.is_proven
    event = last(release)
    assert isinstance(event, Started)
    assert event.override == "the customer waits"


def test_a_restart_command_that_fails_leads_back_and_says_so(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    # It fails for 25 only.
    words = [
        "sh",
        "-c",
        f'[ "$0" = 25 ] && {{ echo no such host >&2; exit 3; }}; exec {" ".join(backend.command("$0"))}',
    ]
    release.more["percent"] = {"command": [*words, "{percent}"]}
    done = release.start(25, override="to see it fail")
    assert not done.is_proven
    assert "ended with 3: no such host" in done.lines[0]
    assert "back at 10 %: 10 % is set" in done.lines[1]
    assert release.ledger.standing().percent == 10
    event = last(release)
    assert isinstance(event, Started)
    assert not event.is_proven


def test_a_backend_that_comes_up_without_the_new_percent_is_not_started(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    release.more["percent"] = {"command": backend.command("10")}
    done = release.start(25, override="to see it stay")
    assert not done.is_proven
    assert "unforced requests were served by domain" in done.lines[0]
    assert "where 25 % is set" in done.lines[0]
    assert done.lines[1].startswith("back at 10 %")
    assert release.ledger.standing().percent == 10


def test_where_nothing_shows_the_share_it_is_not_said_to_be_started(tmp_path: Path) -> None:
    """The real deployment's shape: no answer names anybody, and the metric counts forced requests only."""
    with deployed(tmp_path / "state", percent=0) as silent:
        release = Release(silent, tmp_path, witness={"none": True})
        done = release.start(10)
    assert not done.is_proven
    assert "nothing shows the share" in done.lines[0]
    assert release.ledger.standing().percent == 0


def test_where_the_backend_counts_unforced_requests_its_counters_show_the_share(tmp_path: Path) -> None:
    with deployed(tmp_path / "state", "--shape", "production-counting-all", percent=0) as counting:
        release = Release(counting, tmp_path, witness={"none": True})
        done = release.start(10)
    assert done.is_proven, done.lines
    assert "counted by the backend" in " ".join(done.lines)


def test_a_rollback_is_proven_timed_and_may_be_repeated(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    for former in (10, 0):
        done = release.roll_back()
        assert done.is_proven, done.lines
        event = last(release)
        assert isinstance(event, RolledBack)
        assert (event.former, event.is_proven) == (former, True)
        assert event.seconds > 0
        assert "0 of 200 unforced requests served by domain" in " ".join(event.detail)
    assert release.ledger.standing().percent == 0


def test_a_rollback_works_on_a_backend_that_does_not_answer_any_more(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    assert backend.at("stop").returncode == 0
    assert release.roll_back().is_proven


def test_a_rollback_that_cannot_be_carried_out_is_not_called_proven(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    release.more["percent"] = {"command": ["false"]}
    done = release.roll_back()
    assert not done.is_proven
    assert "NOT proven" in done.lines[0]
    told = "\n".join(done.lines)
    assert "ended with 1" in told
    assert "where 0 % is set" in told
    event = last(release)
    assert isinstance(event, RolledBack)
    assert not event.is_proven


def test_a_rollback_sees_that_forcing_control_is_ignored(tmp_path: Path) -> None:
    with deployed(tmp_path / "state", "--shape", "telling", "--defect", "force-false-ignored", percent=100) as deaf:
        ask(deaf, "POST", "/api/v1/cameras", {"id": "cam-1", "name": "Gate", "source": "rtsp://x/1"})
        release = Release(deaf, tmp_path, percent={"command": ["true"]})
        done = release.roll_back()
    assert not done.is_proven
    assert "forced to control, is served by domain" in "\n".join(done.lines)


def test_the_script_rolls_back_without_the_suite(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    script = rollback_script(release.settings)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 % is set and the backend answers" in done.stdout
    assert backend.log.count("percent 0,") >= 2


@pytest.mark.parametrize(
    ("percent", "line"),
    [
        (
            {"http": {"method": "PUT", "path": "/flags", "body": '{"it\'s": {percent}}'}},
            """--data-binary '{"it'"'"'s": 0}' http://127.0.0.1:8000/flags""",
        ),
        (
            {"file": {"path": "/etc/it's", "text": "P={percent} $(rm -rf /)"}},
            "printf '%s' 'P=0 $(rm -rf /)' > '/etc/it'",
        ),
        (
            {"command": ["restart", "a b", "{percent}"], "environment": {"ON": "{enabled}"}},
            "env ON=false restart 'a b' 0",
        ),
    ],
)
def test_the_script_quotes_what_the_settings_hold_and_names_no_secret(percent: object, line: str) -> None:
    target = {"url": "http://user:hunter2@127.0.0.1:8000", "authentication": {"environment": "GATE_TOKEN"}}
    script = rollback_script(Settings.model_validate({"target": target, "percent": percent}))
    assert line in script
    assert "--netrc" in script
    assert "${GATE_TOKEN}" in script
    assert "hunter2" not in script
    checked = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, timeout=20, check=False)
    assert checked.returncode == 0, checked.stderr


def test_without_a_way_to_set_the_percent_there_is_no_script() -> None:
    with pytest.raises(UsageError, match="does not say how a percent is set"):
        rollback_script(Settings.model_validate({"target": {"url": "http://127.0.0.1:8000"}}))


def test_a_backend_elsewhere_is_moved_only_with_an_explicit_yes() -> None:
    settings = Settings.model_validate(
        {"target": {"url": "http://backend.example:80"}, "percent": {"command": ["true"]}}
    )
    with pytest.raises(PermissionNeeded, match="--allow-percent-change"):
        control.allowed(settings, change_percent=False)
    assert control.allowed(settings, change_percent=True).may_change_percent
    with pytest.raises(UsageError, match="--target"):
        control.allowed(Settings(), change_percent=True)


def test_two_moves_at_the_same_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "release.sqlite"
    child = (
        "import sys; from pathlib import Path; from verification.rollout.ledger import sole_mover;"
        f"held = sole_mover(Path({str(path)!r})); held.__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"is being moved by process {other.pid}"), sole_mover(path):
            pass
        with sole_observer(path):
            pass
    finally:
        other.kill()
        other.communicate()
    with sole_mover(path), Ledger(path):
        pass


def test_what_came_in_since_the_last_look_counts_before_the_next_stage(backend: Deployment, tmp_path: Path) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    release.ledger.append(Judged(10, Verdict.PROMOTE, (), "start 25"), release.clock.now())
    assert release.ledger.standing().verdict is Verdict.PROMOTE
    word = Word(severity="serious", text="no picture since noon", source="support")
    add(release.ledger, release.clock, [word])
    with pytest.raises(UsageError, match="10 % has not passed: the verdict is ROLLBACK"):
        release.start(25)


def test_a_rollback_is_carried_out_whoever_holds_the_ledger(backend: Deployment, tmp_path: Path) -> None:
    """Users come first: another process that hangs in a start is told of, and not waited for."""
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    child = (
        "import sys; from pathlib import Path; from verification.rollout.ledger import sole_mover;"
        f"held = sole_mover(Path({str(release.ledger.path)!r})); held.__enter__(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        done = release.roll_back()
    finally:
        other.kill()
        other.communicate()
    assert not done.is_proven
    assert f"is being moved by process {other.pid}" in done.lines[-1]
    assert "0 of 200 unforced requests served by domain" in "\n".join(done.lines)
    assert release.ledger.standing().percent == 0
    assert release.roll_back().is_proven


def test_two_services_without_a_flag_are_not_called_started(backend: Deployment, tmp_path: Path) -> None:
    two = {"control_url": f"{backend.url}/", "candidate_url": f"{backend.url}/./"}
    release = Release(backend, tmp_path, target=two, percent={}, arm={}, monitoring={"none": True})
    done = release.start(10)
    assert not done.is_proven
    assert release.ledger.standing().percent == 0


def test_a_start_that_is_interrupted_goes_back_and_is_written_down(
    backend: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = Release(backend, tmp_path)
    assert release.start(10).is_proven
    asked = []

    def interrupted(settings: Settings, percent: int) -> Proof:
        asked.append(percent)
        if percent == 25:
            raise KeyboardInterrupt
        return prove_percent(settings, percent)

    monkeypatch.setattr("verification.rollout.control.prove_percent", interrupted)
    with pytest.raises(KeyboardInterrupt):
        release.start(25, override="to be interrupted")
    assert asked == [25, 10]
    event = last(release)
    assert isinstance(event, Started)
    assert (event.percent, event.is_proven, event.is_back) == (25, False, True)
    assert event.detail.startswith("cut off by KeyboardInterrupt; back at 10 %")
    assert backend.log.rindex("percent 10,") > backend.log.rindex("percent 25,")


def test_where_no_answer_names_legacy_although_a_witness_is_declared_nothing_is_proven(tmp_path: Path) -> None:
    """The counters may say that all is back; what the declared witness does not say is not taken for granted."""
    with deployed(tmp_path / "state", "--shape", "production-counting-all", percent=10) as silent:
        ask(
            silent,
            "POST",
            "/api/v1/cameras?force_domain=false",
            {"id": "cam-1", "name": "Gate", "source": "rtsp://x/1"},
        )
        release = Release(silent, tmp_path)
        done = release.roll_back()
        told = "\n".join(done.lines)
        assert not done.is_proven
        assert "0 of 8 answers name legacy" in told
        release.more["witness"] = {"none": True}
        assert release.roll_back().is_proven
