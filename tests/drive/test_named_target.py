"""A backend that somebody else runs is left alone, unless that somebody said how it may be moved and allowed it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.reference.running import running
from tests.serving import serving
from verification.catalog.load import load_catalog
from verification.core.errors import PermissionNeeded, TargetError, UsageError
from verification.core.records import LogTail
from verification.drive import measure
from verification.drive.campaign import Campaign, Place
from verification.drive.load import LoadOutcome
from verification.drive.named_target import NamedTarget
from verification.evidence import EVIDENCE_DIR, read_file
from verification.run import choose_stages, scope_of
from verification.settings import Settings, require_allowed_target


class Ping(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with serving(Ping) as url:
        yield url


def named(url: str, *, command: tuple[str, ...] = (), allowed: bool = False, **target: Any) -> Settings:
    run = {"allow_percent_change": allowed, "allow_restart": allowed}
    percent = {"command": command}
    return Settings.model_validate({"target": {"url": url, **target}, "percent": percent, "run": run})


def writes_to(path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys; open({str(path)!r}, 'a').write(sys.argv[1] + ' ')", "{percent}")


def test_the_declared_percent_is_accepted_and_nothing_is_run(url: str, tmp_path: Path) -> None:
    target = NamedTarget(named(url, command=writes_to(tmp_path / "moved")), 25)
    assert target.set_percent(25) >= 0
    with pytest.raises(PermissionNeeded, match="25 %"):
        target.set_percent(50)
    target.stop()
    target.close()
    assert not (tmp_path / "moved").exists()


def test_an_allowed_change_runs_the_command_and_is_taken_back_at_the_end(url: str, tmp_path: Path) -> None:
    target = NamedTarget(named(url, command=writes_to(tmp_path / "moved"), allowed=True), 25)
    target.set_percent(25)
    target.set_percent(50)
    target.set_percent(0)
    target.close()
    assert (tmp_path / "moved").read_text(encoding="utf-8").split() == ["50", "0", "25"]


def test_a_command_that_fails_is_told_without_its_secrets(url: str) -> None:
    failing = (sys.executable, "-c", "import sys; sys.exit('no rtsp://u:canary@h/')")
    target = NamedTarget(named(url, command=failing, allowed=True), 25)
    with pytest.raises(TargetError, match="ended with 1") as caught:
        target.set_percent(50)
    assert "canary" not in str(caught.value)
    with pytest.raises(TargetError, match="no-such-program"):
        NamedTarget(named(url, command=("no-such-program",), allowed=True), 25).set_percent(50)


def test_a_target_that_does_not_answer_is_told() -> None:
    with pytest.raises(TargetError, match="does not answer"):
        NamedTarget(named("http://127.0.0.1:9"), 25).set_percent(25)
    with pytest.raises(TargetError, match="no URL"):
        NamedTarget(Settings(), 25)


class Silent(BaseHTTPRequestHandler):
    """Answers the first request; whoever asks again hears nothing for a while."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        if type(self).asked > 1:
            time.sleep(0.25)
            self.close_connection = True
            return
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it so
        pass


def test_a_target_that_is_silent_again_and_again_is_given_up_until_it_may_have_been_moved() -> None:
    """Each case asks first whether it is there; a hanging one would cost the time limit every time."""
    with serving(Silent) as url:
        target = NamedTarget(named(url, timeout_s=0.1), 25)
        said = [target.death() for _ in range(8)]
        asked = Silent.asked
        target.forget()
    assert said[0] is None
    assert all(reason and "does not answer" in reason for reason in said[1:])
    assert "nothing more is asked" not in str(said[3])
    assert "nothing more is asked" in str(said[7])
    assert asked < 8


def test_a_target_that_refuses_at_once_is_asked_again_every_time() -> None:
    """A restart of two seconds is met by many cases; none of them has waited for anything."""
    target = NamedTarget(named("http://127.0.0.1:9"), 25)
    said = [target.death() for _ in range(8)]
    assert all(reason and "nothing more" not in reason for reason in said)


def test_its_log_is_read_where_the_settings_name_it(url: str, tmp_path: Path) -> None:
    assert NamedTarget(named(url), 25).log_text() == ""
    (tmp_path / "log").write_text("rtsp://u:canary@h/", encoding="utf-8")
    assert NamedTarget(named(url, log_file=tmp_path / "log"), 25).log_text() == "rtsp://[redacted]@h/"


def test_permission_alone_without_the_way_is_misuse(url: str) -> None:
    with pytest.raises(UsageError, match="percent"):
        require_allowed_target(named(url, allowed=True))


def test_several_stages_of_a_named_target_need_both(url: str) -> None:
    allowed = named(url, command=("x",), allowed=True)
    assert choose_stages(allowed, [25, 50]) == (25, 50)
    assert scope_of(allowed, (25, 50)).may_restart
    with pytest.raises(UsageError, match="--stage 25"):
        choose_stages(allowed, [])


def test_after_a_pause_a_named_target_is_asked_again_under_new_names(tmp_path: Path) -> None:
    """A load is measured between the comparisons; what comes after it needs a connection, and no name twice."""
    with running("--percent", "25") as backend:
        campaign = Campaign(
            named(str(backend.client.base_url).rstrip("/")), load_catalog(), Place(tmp_path, "main", "1a2b"), (25,)
        )
        campaign.watch("before")
        first = campaign.prober.workshop.new_name()
        campaign.pause()
        assert campaign.watch("after").health.answer is not None
        assert campaign.prober.workshop.new_name() != first
        campaign.close()


@pytest.mark.parametrize(("words", "count"), [("falling back to legacy", 1), ("old code took over", 2)])
def test_the_gate_counts_the_lines_that_hold_the_words_of_the_settings(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, count: int
) -> None:
    log = tmp_path / "backend.log"
    log.write_text("old code took over: a\nfalling back to legacy: b\nold code took over: old code took over\n")
    settings = named(url, log_file=log, fallback_words=words)
    campaign = Campaign(settings, load_catalog(), Place(tmp_path, "main"), (25,))
    campaign.at(25)
    campaign.close()
    records = list(read_file(tmp_path / EVIDENCE_DIR / "main.jsonl").records)
    monkeypatch.setattr(measure, "run_stage", lambda *_: LoadOutcome(0, None))
    measure.measure_stage(settings, tmp_path, 25, records.append, lambda _: None)
    assert [one.fallback_lines for one in records if isinstance(one, LogTail)] == [count, count]
