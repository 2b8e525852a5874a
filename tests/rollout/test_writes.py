"""Looks that write: what only a write shows is seen, an untouched backend stays quiet, and nothing of ours stays."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from tests.drive import service
from tests.production.deployment import Deployment, deployed
from tests.rollout.calendar import Calendar
from tests.rollout.conftest import TELLING
from tests.rollout.releasing import PLAN, Release
from verification.catalog.load import load_catalog
from verification.cli import main
from verification.core.cases import Case, Catalog, Endpoint
from verification.core.compare import Compared
from verification.core.errors import PermissionNeeded, UsageError
from verification.core.model import Arm, Comparison, Difference, Verdict
from verification.core.outcome import CaseOutcome
from verification.core.policy import AcceptedDifference
from verification.core.redact import Redactor
from verification.core.release.events import Look, Written
from verification.drive.connect import connect
from verification.drive.flag import usage_counters
from verification.drive.probe import MAX_ATTEMPTS, Prober
from verification.journal import JOURNAL_DIR
from verification.rollout import writes
from verification.rollout.heard import Heard
from verification.rollout.ledger import Ledger
from verification.rollout.look import Due, take_look
from verification.rollout.observe import Observer
from verification.rollout.writes import deeds_of, require_writable
from verification.settings import Settings

ENDPOINTS = 6
"""Of the shipped catalog, those that write to cameras only."""
ACTIVATE = "POST /cameras/{id}/activate"
HOURLY = [{**PLAN[0], "every_hours": 1}, *PLAN[1:]]


class WritingRelease(Release):
    """A release whose looks write."""

    @property
    def settings(self) -> Settings:
        found = super().settings
        look = found.release.look.model_copy(update={"writes": True, "requests": 2, "natural": 2})
        return found.model_copy(update={"release": found.release.model_copy(update={"look": look})})

    @property
    def shelf(self) -> Path:
        return self.ledger.path.with_name("release.sqlite.writes")

    def look(self, slot: int, **changes: Any) -> Look:
        settings = self.settings.model_copy(update=changes)
        return take_look(settings, self.catalog, Due(10, slot, self.clock.now()), self.clock, None)


@pytest.fixture
def release(backend: Deployment, tmp_path: Path) -> WritingRelease:
    return WritingRelease(backend, tmp_path)


def redeployed(release: WritingRelease, *defects: str) -> None:
    options = (*release.backend.options, *(word for name in defects for word in ("--defect", name)))
    release.backend = replace(release.backend, options=options)
    assert release.backend.at("10").returncode == 0


def cameras(backend: Deployment) -> list[str]:
    with urllib.request.urlopen(f"{backend.url}/api/v1/cameras?force_domain=false", timeout=10) as answer:
        names = [str(camera["id"]) for camera in json.loads(answer.read())["cameras"]]
    return [name for name in names if not name.startswith("sample-")]


OWN = ["cam-0", "cam-1", "cam-2"]


# What is seen


def test_an_untouched_backend_is_quiet_at_all_writes_and_nothing_stays(release: WritingRelease) -> None:
    taken = [release.look(slot) for slot in range(2 * ENDPOINTS)]
    for look in taken:
        assert replace(look.written, seen=()) == Written()
        assert {one.arm: (one.requests, one.errors, one.legacy, one.domain) for one in look.written.seen} == {
            Arm.CONTROL: (2, 0, 2, 0), Arm.CANDIDATE: (1, 0, 0, 1),
        }  # fmt: skip
        assert (look.failure, look.unasked, look.differing) == (None, 0, ())
    first, second = taken[:ENDPOINTS], taken[ENDPOINTS:]
    asked = [look.written.seen[0].read for look in first]
    assert len(set(asked)) == ENDPOINTS
    assert [look.written.seen[0].read for look in second] == asked
    assert cameras(release.backend) == OWN
    assert list(release.shelf.iterdir()) == []


def test_what_only_a_write_shows_goes_back(release: WritingRelease) -> None:
    redeployed(release, "write-not-kept")
    release.plan = HOURLY
    assert release.start(10).is_proven
    verdict = release.observe(timedelta(hours=ENDPOINTS), until=[Verdict.ROLLBACK])
    assert verdict is Verdict.ROLLBACK, release.said
    (finding,) = [one for one in release.ledger.standing().found if one.verdict is Verdict.ROLLBACK]
    assert finding.rule == "state.cross"
    assert ACTIVATE in finding.reason
    taken = release.ledger.standing().looks
    assert [look.differing for look in taken] == [()] * len(taken)
    assert [bool(look.written.differing) for look in taken] == [*[False] * (len(taken) - 1), True]
    # As often as a difference must show.
    assert {one.arm: one.requests for one in taken[-1].written.seen} == {
        Arm.CONTROL: 2 * writes._TIMES,
        Arm.CANDIDATE: writes._TIMES,
    }
    assert cameras(release.backend) == OWN


def test_the_same_defect_is_not_seen_by_looks_that_only_read(backend: Deployment, tmp_path: Path) -> None:
    release = WritingRelease(backend, tmp_path)
    redeployed(release, "write-not-kept")
    reading = Release(release.backend, tmp_path)
    due = Due(10, 3, reading.clock.now())
    look = take_look(reading.settings, reading.catalog, due, reading.clock, None)
    assert (look.differing, look.written) == ((), Written())


def test_another_answer_with_the_same_deed_is_held_and_not_rolled_back(release: WritingRelease) -> None:
    release.catalog = _uncritical(release.catalog)
    redeployed(release, "boolean-as-number")
    look = release.look(3)
    assert look.written.differing == ()
    assert look.written.worded == (f"{ACTIVATE}, inactive: body:ok",)


def test_a_difference_that_a_person_accepted_is_none(release: WritingRelease) -> None:
    release.catalog = _uncritical(release.catalog)
    redeployed(release, "boolean-as-number")
    today = release.clock.now().date()
    entry = {"endpoint": ACTIVATE, "path": "ok", "reason": "agreed", "owner": "maria"}
    accepted, expired = (
        AcceptedDifference.model_validate({**entry, "expires": today + timedelta(days=days)}) for days in (1, -1)
    )
    assert release.look(3, accepted=(accepted,)).written.worded == ()
    assert release.look(3, accepted=(expired,)).written.worded != ()


def _uncritical(catalog: Catalog) -> Catalog:
    endpoints = tuple(replace(one, shape=replace(one.shape, critical=())) for one in catalog.endpoints)
    return replace(catalog, endpoints=endpoints)


def test_errors_of_writes_are_counted_and_are_no_difference(release: WritingRelease) -> None:
    redeployed(release, "errors-8-percent")
    taken = [release.look(slot) for slot in range(24)]
    seen = [one for look in taken for one in look.written.seen]
    errors = {arm: sum(one.errors for one in seen if one.arm is arm) for arm in Arm}
    assert errors[Arm.CONTROL] == 0
    assert errors[Arm.CANDIDATE] > 0
    failed = [look for look in taken if any(one.errors for one in look.written.seen)]
    assert [look.written.differing for look in failed] == [()] * len(failed)
    assert all("it ended in an error" in dict(look.written.unproven)[look.written.seen[0].read] for look in failed)


def test_a_write_that_legacy_answers_is_counted_as_a_fallback(release: WritingRelease) -> None:
    redeployed(release, "fallback-always")
    written = release.look(0).written
    assert [(one.arm, one.legacy, one.domain) for one in written.seen] == [(Arm.CONTROL, 2, 0), (Arm.CANDIDATE, 1, 0)]
    assert "legacy answered it" in written.unproven[0][1]


def test_what_others_write_meanwhile_once_is_no_difference(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's camera appears while the candidate's first request is under way, and never again."""
    judge, strangers = Prober.probe, list[str]()

    def probe(prober: Prober, endpoint: Any, case: Any, side: str) -> Any:
        found = judge(prober, endpoint, case, side)
        if side != "candidate" or strangers:
            return found
        strangers.append("appeared")
        camera = {"id": "cam-of-a-stranger", "name": "x", "fps": 25}
        readings = tuple(
            replace(one, exchange=_with_camera(one.exchange, camera))
            if (one.name, one.moment) == ("cameras", "after")
            else one
            for one in found.readings
        )
        return replace(found, readings=readings)

    monkeypatch.setattr(Prober, "probe", probe)
    written = release.look(0).written
    assert strangers == ["appeared"]
    assert (written.differing, written.worded, written.unproven) == ((), (), ())
    # Seen once, and looked at again.
    assert {one.arm: one.requests for one in written.seen} == {Arm.CONTROL: 4, Arm.CANDIDATE: 2}


def _with_camera(exchange: Any, camera: dict[str, Any]) -> Any:
    body = json.loads(exchange.answer.body)
    body["cameras"].append(camera)
    return replace(exchange, answer=replace(exchange.answer, body=json.dumps(body)))


class Busy:
    """Compares two arms that do the same while somebody else changes a place of the state now and then."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._dice = share, random.Random(seed)

    def compare(self, endpoint: Endpoint, case: Case, time: int) -> list[tuple[Comparison, CaseOutcome]]:
        attempts: list[tuple[Comparison, CaseOutcome]] = []
        for attempt in range(1, MAX_ATTEMPTS + 1):
            control, again, candidate = (self._dice.random() < self._share for _ in range(3))
            found = Difference("state cameras", "total", "value", "3", "4")
            seen = Compared((found,) if control != candidate else ())
            noise = (found,) if control != again else ()
            outcome = CaseOutcome(endpoint.id, case.id, time, attempt, True, (), seen, noise)
            attempts.append((Comparison(endpoint.id, case.id, (), attempt, time), outcome))
            if not noise:
                break
        return attempts


@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.6])
def test_what_others_write_all_the_time_does_not_come_to_a_difference_within_weeks(
    release: WritingRelease, share: float
) -> None:
    endpoint, case = deeds_of(release.settings, release.catalog)["camera"][0][0]
    settings = release.settings
    with connect(settings, settings.target.urls[0], Redactor(b"x")) as caller:
        for look in range(4 * 7 * 24):
            work = writes._Work(caller, settings, release.clock.now().date(), Heard().add)
            work.compare(cast("Prober", Busy(share, look)), endpoint, case)
            assert (work.differing, work.worded) == ([], [])


def test_where_control_disagreed_with_itself_before_nothing_is_said_of_a_difference(release: WritingRelease) -> None:
    class Noisy(Busy):
        def compare(self, endpoint: Endpoint, case: Case, time: int) -> list[tuple[Comparison, CaseOutcome]]:
            found = Difference("state cameras", "total", "value", "3", "4")
            noises: tuple[tuple[Difference, ...], ...] = ((found,), ()) if time == 1 else ((),)
            return [
                (
                    Comparison(endpoint.id, case.id, ()),
                    CaseOutcome(endpoint.id, case.id, time, 1, True, (), seen, noise),
                )
                for noise in noises
                for seen in [Compared((found,))]
            ]

    endpoint, case = deeds_of(release.settings, release.catalog)["camera"][0][0]
    settings = release.settings
    with connect(settings, settings.target.urls[0], Redactor(b"x")) as caller:
        work = writes._Work(caller, settings, release.clock.now().date(), Heard().add)
        work.compare(cast("Prober", Noisy(0, 0)), endpoint, case)
    assert (work.differing, work.worded) == ([], [])
    assert work.unproven == [
        (endpoint.id, f"{case.id}: control disagreed with itself now and then at state cameras:total")
    ]


@pytest.mark.parametrize(("defect", "differs"), [((), False), (("--defect", "write-not-kept"), True)])
def test_two_backends_with_a_state_each_are_compared_and_cleaned_both(
    backend: Deployment, tmp_path: Path, defect: tuple[str, ...], *, differs: bool
) -> None:
    with deployed(tmp_path / "candidate", *TELLING, *defect, percent=100) as candidate:
        settings = Settings.model_validate({
            "target": {"control_url": backend.url, "candidate_url": candidate.url},
            "release": {"ledger": tmp_path / "release.sqlite", "look": {"requests": 1, "writes": True}},
        })  # fmt: skip
        clock = Calendar()
        catalog = load_catalog(separate_state=True)
        written = take_look(settings, catalog, Due(10, 3, clock.now()), clock, None).written
        assert (bool(written.differing), written.unproven, written.left) == (differs, (), ())
        assert {one.read for one in written.seen} == {ACTIVATE}
        assert (cameras(backend), cameras(candidate)) == (OWN, [])


# What may be written


def test_only_what_can_be_removed_and_names_a_twin_of_its_own_is_written() -> None:
    found = deeds_of(Settings(), load_catalog())
    assert list(found) == ["camera"]
    named = [deeds[0][0].id for deeds in found["camera"]]
    assert len(named) == ENDPOINTS
    assert "POST /cameras/refresh" not in named  # names no camera of ours
    assert all(case.status == 200 and not case.derived for deeds in found["camera"] for _, case in deeds)


def test_what_is_destructive_is_written_only_where_that_is_allowed() -> None:
    catalog = load_catalog()
    harmful = replace(
        catalog, endpoints=tuple(replace(one, destructive=one.id == ACTIVATE) for one in catalog.endpoints)
    )
    every = replace(catalog, endpoints=tuple(replace(one, destructive=True) for one in catalog.endpoints))
    allowed = Settings.model_validate({"run": {"allow_destructive": True}})
    for settings, is_asked in ((Settings(), False), (allowed, True)):
        assert (ACTIVATE in {deeds[0][0].id for deeds in deeds_of(settings, harmful)["camera"]}) is is_asked
    assert deeds_of(Settings(), every) == {}


def wanting(**more: Any) -> Settings:
    return Settings.model_validate({"release": {"look": {"writes": True}}, **more})


def test_a_catalog_without_a_twin_that_may_be_written_is_refused(backend: Deployment, tmp_path: Path) -> None:
    kept = replace(service.CATALOG, endpoints=(service.MAKE,))  # rules cannot be removed
    with pytest.raises(UsageError, match=r"writes = true: the catalog has nothing.*`remove`"):
        require_writable(wanting(), kept)
    require_writable(Settings(), kept)
    release = WritingRelease(backend, tmp_path)
    with pytest.raises(UsageError, match="nothing that a look may write"):
        Observer(release.settings, kept, release.ledger, release.clock, release.said.append)


def test_a_target_that_is_not_this_machine_is_written_to_only_where_that_is_allowed() -> None:
    there = {"target": {"url": "https://staging.example"}}
    with pytest.raises(PermissionNeeded, match=r"staging\.example.*--allow-writes"):
        require_writable(wanting(**there), load_catalog())
    require_writable(wanting(**there, run={"allow_writes": True}), load_catalog())
    require_writable(Settings.model_validate(there), load_catalog())


def test_observe_needs_the_option_to_write_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rollout.toml").write_text('[target]\nurl = "http://192.0.2.1"\n[release.look]\nwrites = true\n')
    Ledger(Path("release.sqlite")).close()
    assert main(["observe", "--once"]) == 2
    assert "192.0.2.1 is not this machine. If that is what you want, add --allow-writes." in capsys.readouterr().err
    assert main(["observe", "--once", "--allow-writes"]) == 2
    assert "no stage of the plan runs" in capsys.readouterr().err


# What is left


def folders_on(release: WritingRelease) -> list[Path]:
    return [path for path in release.shelf.iterdir() if not path.is_symlink()]


def settings_file(release: WritingRelease) -> Path:
    stage = {**PLAN[0], "every_hours": 0.3 / 3600}
    plan = "[[release.stages]]\n" + "".join(f"{name} = {value}\n" for name, value in stage.items())
    path = release.folder / "rollout.toml"
    path.write_text(
        f'[target]\nurl = "{release.backend.url}"\n[witness]\nheader = "X-Served-By"\n'
        f'[release]\nneeds_gate = false\nledger = "{release.ledger.path}"\n'
        f"[release.look]\nrequests = 1\nnatural = 1\nwrites = true\n{plan}"
    )
    return path


def killed_while_writing(release: WritingRelease, file: Path, after_s: float) -> list[Path]:
    """Folders that a look has left that was killed soon after it had announced what it makes."""
    command = [sys.executable, "-m", "verification", "observe", "--settings", str(file)]
    observer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    known = set(release.shelf.glob("*-*"))

    def has_begun() -> bool:
        journals = (folder / JOURNAL_DIR / "look.jsonl" for folder in set(release.shelf.glob("*-*")) - known)
        return any(journal.exists() and journal.stat().st_size for journal in journals)

    try:
        until(has_begun)
        time.sleep(after_s)
    finally:
        observer.send_signal(signal.SIGKILL)
        observer.wait(30)
    return sorted(release.shelf.glob("*-*"))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.001)


def test_what_a_killed_look_has_left_is_gone_after_the_next_one_or_a_cleanup(
    release: WritingRelease, capsys: pytest.CaptureFixture[str]
) -> None:
    release.plan = [{**PLAN[0], "every_hours": 0.3 / 3600}]
    release.clock.begin_now()
    assert release.start(10).is_proven
    file, left = settings_file(release), 0
    for number in range(8):
        folders = killed_while_writing(release, file, 0.01 * number)
        there = [name for name in cameras(release.backend) if name not in OWN]
        assert all(name.startswith("gate-") and "-look-" in name for name in there)
        assert not there or folders
        left += bool(there)
        if number % 2:
            for folder in folders:
                assert main(["cleanup", str(folder), "--settings", str(file)]) == 0
        else:
            assert release.look(900 + number).written.left == ()
            assert folders_on(release) == []
        assert cameras(release.backend) == OWN
    assert left >= 4
    assert release.look(999).written.left == ()
    assert folders_on(release) == []
    assert "removed: camera gate-" in capsys.readouterr().out


def test_an_interrupted_look_undoes_what_it_has_made(release: WritingRelease, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prober: Any, _endpoint: Any, case: Any, _time: int) -> Any:
        prober.workshop.make(case.given)
        assert len(cameras(release.backend)) > len(OWN)
        raise KeyboardInterrupt

    monkeypatch.setattr(Prober, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        release.look(0)
    assert cameras(release.backend) == OWN
    assert list(release.shelf.iterdir()) == []


def left_behind(release: WritingRelease, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A look that made cameras and could undo nothing."""

    def no_sweep(folder: Path, *_: object) -> list[str]:
        return [f"kept {folder.name}"]

    def only_made(prober: Any, _endpoint: Any, case: Any, _time: int) -> Any:
        prober.workshop.make(case.given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writes, "_tidy", no_sweep)
        patched.setattr(Prober, "compare", only_made)
        with pytest.raises(KeyboardInterrupt):
            release.look(0)
    (folder,) = release.shelf.iterdir()
    assert len(cameras(release.backend)) > len(OWN)
    return folder


def test_a_look_that_only_reads_removes_nothing_and_says_what_is_left(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left_behind(release, monkeypatch)
    before = cameras(release.backend)
    reading = Release(release.backend, release.folder)
    look = take_look(reading.settings, reading.catalog, Due(10, 1, reading.clock.now()), reading.clock, None)
    assert cameras(release.backend) == before
    assert look.written.left == (
        f"what a look that was killed has made (`python -m verification cleanup {folder}` undoes it)",
    )


def test_what_was_made_on_another_target_is_left_to_cleanup(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left_behind(release, monkeypatch)
    text = (folder / "run.json").read_text().replace(release.backend.url, "http://127.0.0.1:9")
    (folder / "run.json").write_text(text)
    before = cameras(release.backend)
    (left,) = release.look(1).written.left
    assert left.startswith("what a look at http://127.0.0.1:9")
    assert cameras(release.backend) == before
    assert folder.exists()


def test_a_folder_that_cannot_be_read_is_told_and_one_in_which_nothing_was_begun_goes(release: WritingRelease) -> None:
    (release.shelf / "10-0-empty").mkdir(parents=True)
    (release.shelf / "10-0-torn" / JOURNAL_DIR).mkdir(parents=True)
    (left,) = release.look(0).written.left
    assert "10-0-torn" in left
    assert "run.json" in left
    assert [folder.name for folder in release.shelf.iterdir()] == ["10-0-torn"]


def test_a_folder_whose_removal_was_killed_is_gone_after_the_next_look(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed_after(files: int) -> Callable[..., None]:
        """Remove as `rmtree` does, and die after so many files."""
        left = [files]

        def rmtree(folder: Path, **_: object) -> None:
            for path in sorted(folder.rglob("*"), key=lambda one: (one.is_dir(), one.name != "run.json", one.name)):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                path.rmdir() if path.is_dir() else path.unlink()
            if folder.exists():
                folder.rmdir()

        return rmtree

    for files in range(5):
        with monkeypatch.context() as patched:
            patched.setattr("verification.rollout.writes.shutil.rmtree", killed_after(files))
            with pytest.raises(Killed):
                release.look(files)
        assert len(folders_on(release)) == 1
        assert release.look(files).written.left == ()
        assert folders_on(release) == []


def test_a_folder_in_which_nothing_was_begun_is_no_reason_for_a_warning(release: WritingRelease) -> None:
    (release.shelf / "10-0-empty").mkdir(parents=True)
    reading = Release(release.backend, release.folder)
    look = take_look(reading.settings, reading.catalog, Due(10, 1, reading.clock.now()), reading.clock, None)
    assert look.written.left == ()


def usage(release: WritingRelease) -> tuple[int, int]:
    """(legacy, domain) as the backend counts them."""
    settings = release.settings
    with connect(settings, settings.target.urls[0], Redactor(b"x")) as caller:
        domain, legacy = usage_counters(caller, settings.monitoring.metrics)
    assert legacy is not None
    assert domain is not None
    return legacy, domain


def test_everything_that_a_look_sends_is_known_as_its_own_also_what_undoes(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slot, is_removed_late in enumerate((False, True)):
        with monkeypatch.context() as patched:
            if is_removed_late:
                patched.setattr("verification.drive.twins.Workshop.remove", lambda _self, twins: [*map(str, twins)])
            before = usage(release)
            look = release.look(slot)
            after = usage(release)
        own = [*look.seen, *look.written.seen]
        legacy = sum(one.legacy for one in own) + look.natural_legacy + look.compared_legacy
        domain = sum(one.domain for one in own) + look.natural_domain + look.compared_domain
        assert (after[0] - before[0], after[1] - before[1]) == (legacy, domain)


def test_without_a_journal_nothing_is_written_and_the_reads_are_kept(release: WritingRelease) -> None:
    release.shelf.write_text("in the way of the folder")
    look = release.look(0)
    assert "cannot be written" in look.written.unproven[0][1]
    assert sum(one.requests for one in look.seen) > 0
    assert look.written.seen == ()
    assert cameras(release.backend) == OWN


def test_what_cannot_be_removed_at_once_is_removed_by_the_look_itself(
    release: WritingRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twins' own removal fails, as where its request times out."""
    monkeypatch.setattr("verification.drive.twins.Workshop.remove", lambda _self, twins: [str(one) for one in twins])
    written = release.look(0).written
    assert (written.left, written.unproven) == ((), ())
    assert cameras(release.backend) == OWN
    assert list(release.shelf.iterdir()) == []


def test_a_twin_that_cannot_be_made_is_an_error_of_the_arm_that_makes_it(release: WritingRelease) -> None:
    resource = release.catalog.resources["camera"]
    nowhere = replace(resource, create=replace(resource.create, path="/api/v1/nothing"))
    release.catalog = replace(release.catalog, resources={**release.catalog.resources, "camera": nowhere})
    written = release.look(0).written
    assert {one.arm: (one.requests, one.errors) for one in written.seen} == {Arm.CONTROL: (3, 3), Arm.CANDIDATE: (0, 0)}
    assert "could not be set up" in written.unproven[0][1]
