"""What is new is told once, and later where it could not be told; trouble with that changes nothing of the release."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.core.release.builders import look, rolled_back, started
from tests.rollout.calendar import Calendar
from tests.rollout.test_webhook import PLANTED, closed_port, receiving
from verification.catalog.load import load_catalog
from verification.core.errors import EvidenceError, UsageError
from verification.core.model import Verdict
from verification.core.release.events import Event, FeedbackAdded, Judged, Notified
from verification.drive import webhook
from verification.rollout import control, notice
from verification.rollout.ledger import Ledger, sole_teller
from verification.rollout.observe import Observer
from verification.rollout.proof import Proof
from verification.rollout.verdict import judge_now
from verification.settings import Settings

TEMPLATE = json.dumps(
    {name: f"{{{name}}}" for name in ("percent", "verdict", "former", "reason", "action", "event", "at")}
)
SERIOUS = FeedbackAdded("f1", "serious", "no picture since noon", "support")


class Told:
    """A release whose webhook is named in a file, so that it can be away and come back."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.url = Calendar(), folder / "url"
        self.ledger = Ledger(folder / "release.sqlite")
        target = {"url": "http://127.0.0.1:9"}
        plan = {"ledger": self.ledger.path, "notify": {"file": self.url, "template": TEMPLATE}}
        self.settings = control.allowed(
            Settings.model_validate({"target": target, "release": plan}), change_percent=False
        )
        self.away()

    def away(self) -> None:
        self.url.write_text(f"http://127.0.0.1:{closed_port()}/{PLANTED}")

    def add(self, *events: Event) -> Told:
        for event in events:
            self.ledger.append(event, self.clock.now())
        return self

    def judge(self) -> tuple[str, ...]:
        return judge_now(self.settings, self.ledger, self.clock)[1]

    def start(self, percent: int = 10) -> control.Outcome:
        return control.start(self.settings, self.ledger, percent, self.clock, who="maria", override="a test")

    def roll_back(self) -> control.Outcome:
        catalog = load_catalog()
        return control.rollback(self.settings, catalog, self.ledger, self.clock, who="maria", why="errors")

    @property
    def notified(self) -> list[int]:
        return [event.line for _, _, event in self.ledger.events() if isinstance(event, Notified)]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    release = Told(tmp_path)
    yield release
    release.ledger.close()


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that goes back whenever it is told to, and never goes up."""
    wrong = Proof(wrong=("the share is not shown",))
    monkeypatch.setattr(control, "_move", lambda _, percent: wrong if percent else Proof(("0 % is set",)))
    monkeypatch.setattr(control, "_set", lambda *_: Proof(("0 % is set",)))
    monkeypatch.setattr(control, "prove_rollback", lambda *_: Proof(("nothing by domain",)))


def sent(got: list[Any]) -> list[dict[str, str]]:
    return [json.loads(body) for _, _, body in got]


def test_a_change_is_told_once_and_written_down(told: Told) -> None:
    told.add(started(), look(0))
    with receiving() as (url, got):
        told.url.write_text(url)
        assert told.judge() == ()
        assert told.judge() == ()
    (message,) = sent(got)
    assert (message["percent"], message["verdict"], message["former"]) == ("10", "INCONCLUSIVE", "none")
    assert message["event"] == "verdict"
    assert message["action"].startswith("python -m verification observe")
    (line,) = told.notified
    assert isinstance(told.ledger.events()[line - 1][2], Judged)


def test_what_could_not_be_told_is_told_at_the_next_occasion_in_its_newest_state(told: Told) -> None:
    told.add(started(), look(0))
    (complaint,) = told.judge()
    assert "could not be reached" in complaint
    assert "tries again" in complaint
    told.add(SERIOUS)
    assert told.judge()
    assert told.notified == []
    with receiving() as (url, got):
        told.url.write_text(url)
        assert told.judge() == ()
        told.judge()
    (message,) = sent(got)
    assert (message["verdict"], message["former"]) == ("ROLLBACK", "none")
    assert "no picture since noon" in message["reason"]
    assert len(told.notified) == 1


def test_a_refusal_is_tried_once_at_each_occasion(told: Told) -> None:
    told.add(started(), look(0))
    with receiving(503) as (url, got):
        told.url.write_text(url)
        for tries in (1, 2, 3):
            assert "answered 503" in told.judge()[0]
            assert len(got) == tries
    assert told.notified == []


def test_what_was_written_before_anything_was_told_of_is_read_and_told(told: Told) -> None:
    """As an older version left it."""
    told.add(started(), look(0), Judged(10, Verdict.HOLD, ("Errors: many",), "wait"))
    with receiving() as (url, got):
        told.url.write_text(url)
        told.judge()
    assert len(got) == 1


@pytest.mark.usefixtures("moved")
def test_a_start_that_failed_is_told_with_what_it_failed_of(told: Told) -> None:
    with receiving() as (url, got):
        told.url.write_text(url)
        assert not told.start().is_proven
    (message,) = sent(got)
    assert message["event"] == "failed start"
    assert message["percent"] == "0"
    assert "10 % was not started: the share is not shown; back at 0 %" in message["reason"]
    assert message["at"].startswith("2026-11-02T08:00")


@pytest.mark.usefixtures("moved")
def test_a_start_that_is_interrupted_is_told_as_well(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Settings, percent: int) -> Proof:
        if percent:
            raise KeyboardInterrupt
        return Proof(("0 % is set",))

    monkeypatch.setattr(control, "_move", interrupted)
    with receiving() as (url, got):
        told.url.write_text(url)
        with pytest.raises(KeyboardInterrupt):
            told.start()
    assert "cut off by KeyboardInterrupt" in sent(got)[0]["reason"]


@pytest.mark.parametrize("proof", [Proof(("nothing by domain",)), Proof(wrong=("3 of 200 by domain",))])
@pytest.mark.usefixtures("moved")
def test_a_rollback_is_told_whether_it_is_proven_or_not(
    told: Told, monkeypatch: pytest.MonkeyPatch, proof: Proof
) -> None:
    monkeypatch.setattr(control, "prove_rollback", lambda *_: proof)
    told.add(started(25))
    with receiving() as (url, got):
        told.url.write_text(url)
        done = told.roll_back()
        told.judge()
    assert done.is_proven is not bool(proof.wrong)
    (message,) = sent(got)
    assert message["event"] == "rollback"
    assert message["percent"] == "0"
    assert ("NOT proven" in message["reason"]) is bool(proof.wrong)
    assert "from 25 %" in message["reason"]
    assert message["verdict"] == ("ROLLBACK" if proof.wrong else "INCONCLUSIVE")


@pytest.mark.usefixtures("moved")
def test_a_rollback_that_nobody_was_told_of_is_told_by_the_next_who_looks_or_starts(told: Told) -> None:
    told.add(started(25))
    done = told.roll_back()
    assert done.is_proven
    assert "the webhook was not told" in done.lines[-1]
    assert PLANTED not in "\n".join(done.lines)
    observer = Observer(told.settings, load_catalog(), told.ledger, told.clock, lambda _: None)
    with receiving() as (url, got):
        told.url.write_text(url)
        with pytest.raises(UsageError, match="no stage of the plan runs"):
            observer.once()
        told.start()
    assert [message["event"] for message in sent(got)] == ["rollback", "failed start"]


@pytest.mark.usefixtures("moved")
def test_a_rollback_that_nobody_was_told_of_is_told_with_the_start_that_failed_after_it(told: Told) -> None:
    told.add(started(25), rolled_back(25))
    assert not told.start().is_proven
    with receiving() as (url, got):
        told.url.write_text(url)
        told.judge()
        told.judge()
    (message,) = sent(got)
    assert message["event"] == "failed start"
    assert "10 % was not started" in message["reason"].partition("; before that: ")[0]
    assert "rolled back from 25 %, proven (maria: errors)" in message["reason"].partition("; before that: ")[2]


@pytest.mark.usefixtures("moved")
def test_a_start_that_is_not_back_is_told_once_in_its_message(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.add(started(10), look(0))
    monkeypatch.setattr(control, "_move", lambda *_: Proof(wrong=("the share is not shown",)))
    with receiving() as (url, got):
        told.url.write_text(url)
        told.judge()
        assert not told.start(25).is_proven
    message = sent(got)[-1]
    assert (message["event"], message["verdict"]) == ("verdict", "ROLLBACK")
    assert "Start of 25 %: the share is not shown" in message["reason"]
    assert "before that" not in message["reason"]


@pytest.mark.usefixtures("moved")
def test_a_rollback_without_a_ledger_that_can_be_used_is_told_all_the_same(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.add(started(25), rolled_back())
    with sqlite3.connect(told.ledger.path) as file:
        file.execute("DROP TRIGGER line_stays")
        file.execute("UPDATE line SET body = replace(body, 'maria', 'nobody') WHERE number = 1")
    file.close()
    with receiving() as (url, got):
        told.url.write_text(url)
        assert told.roll_back().is_proven
        control.rollback(told.settings, load_catalog(), None, told.clock, who="maria", why="no ledger")
        monkeypatch.setattr(told.ledger, "append", full)
        assert not told.roll_back().is_proven
    assert [message["event"] for message in sent(got)] == ["rollback"] * 3
    assert "no ledger" in sent(got)[1]["reason"]
    assert "the disk is full" in sent(got)[2]["reason"]


def full(*_: object, **__: object) -> int:
    raise EvidenceError("the disk is full")


def test_where_it_cannot_be_written_down_it_is_told_again(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.add(started(), look(0))
    told.judge()
    with receiving() as (url, got):
        told.url.write_text(url)
        with monkeypatch.context() as while_full:
            while_full.setattr(told.ledger, "append", full)
            assert "the disk is full" in told.judge()[0]
        assert told.judge() == ()
        assert told.judge() == ()
    assert len(got) == 2


def test_who_is_killed_between_sending_and_writing_down_tells_it_again(told: Told, tmp_path: Path) -> None:
    told.add(started(), look(0))
    told.judge()
    child = (
        "import os, signal, sys; from pathlib import Path;"
        "from verification.core.release.events import Notified;"
        "from verification.rollout.clock import SystemClock; from verification.rollout.ledger import Ledger;"
        "from verification.rollout.verdict import judge_now; from verification.settings import load_settings;"
        "write = Ledger.append;"
        "Ledger.append = lambda self, event, *rest, **more: os.kill(os.getpid(), signal.SIGKILL)"
        " if isinstance(event, Notified) else write(self, event, *rest, **more);"
        f"judge_now(load_settings(Path(sys.argv[1]), {{}}), Ledger(Path({str(told.ledger.path)!r})), SystemClock())"
    )
    file = tmp_path / "rollout.toml"
    file.write_text(f"[release.notify]\nfile = {str(told.url)!r}\n")
    with receiving() as (url, got):
        told.url.write_text(url)
        done = subprocess.run([sys.executable, "-c", child, str(file)], timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
        assert (len(got), told.notified) == (1, [])
        assert told.judge() == ()
        assert told.judge() == ()
    assert len(got) == 2
    assert len(told.notified) == 1


def test_while_another_process_tells_it_nobody_else_does(told: Told) -> None:
    told.add(started(), look(0))
    with receiving() as (url, got):
        told.url.write_text(url)
        with sole_teller(told.ledger.path):
            assert f"by process {os.getpid()} already" in told.judge()[0]
        assert got == []
        assert told.judge() == ()
    assert len(got) == 1


def test_what_another_process_told_while_the_turn_was_waited_for_is_not_told_again(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.add(started(), look(0))
    told.judge()
    line = next(number for number, _, event in told.ledger.events() if isinstance(event, Judged))
    other = sole_teller(told.ledger.path)
    other.__enter__()

    def told_meanwhile(_: float) -> None:
        with Ledger(told.ledger.path) as ledger:
            ledger.append(Notified(line), told.clock.now())
        other.__exit__(None, None, None)

    monkeypatch.setattr(told.clock, "sleep", told_meanwhile)
    with receiving() as (url, got):
        told.url.write_text(url)
        assert told.judge() == ()
    assert got == []


@pytest.mark.usefixtures("moved")
def test_a_webhook_that_hangs_keeps_a_rollback_no_longer_than_its_limit(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LONGEST_S", 0.3)
    monkeypatch.setattr(notice, "LONGEST_S", 0.3)
    told.add(started(25))
    began = time.monotonic()
    without = control.rollback(told.settings, load_catalog(), None, told.clock, who="maria", why="to compare")
    alone_s = time.monotonic() - began
    assert "the webhook was not told" in without.lines[-1]
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        told.url.write_text(f"http://127.0.0.1:{silent.getsockname()[1]}/{PLANTED}")
        began = time.monotonic()
        done = told.roll_back()
        assert time.monotonic() - began < alone_s + 10 * 0.3
    assert done.is_proven
    assert "did not answer within" in done.lines[-1]


@pytest.mark.usefixtures("moved")
def test_who_does_not_wait_for_the_webhook_still_hears_of_the_rollback(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(notice, "notify", interrupted)
    told.add(started(25))
    done = told.roll_back()
    assert done.is_proven
    assert done.lines[-1] == "the webhook was not told: interrupted"


@pytest.mark.usefixtures("moved")
def test_no_secret_of_the_webhook_is_in_the_ledger_or_in_what_is_said(told: Told, tmp_path: Path) -> None:
    said = [*told.add(started(), look(0)).judge(), *told.roll_back().lines, *told.start().lines]
    with receiving(500) as (url, _):
        told.url.write_text(url)
        said += told.judge()
    with receiving() as (url, _):
        told.url.write_text(url)
        said += told.judge()
    assert PLANTED not in "\n".join(said)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path != told.url)
    assert PLANTED.encode() not in kept


@pytest.mark.usefixtures("moved")
def test_without_a_webhook_nothing_is_told_and_nothing_written(told: Told) -> None:
    release = told.settings.release.model_copy(update={"notify": None})
    told.settings = told.settings.model_copy(update={"release": release})
    told.add(started(25))
    assert told.judge() == ()
    assert "webhook" not in "\n".join(told.roll_back().lines)
    control.rollback(told.settings, load_catalog(), None, told.clock, who="maria", why="x")
    assert told.notified == []


def test_the_verdict_that_is_told_is_the_one_that_was_written_last(told: Told) -> None:
    """Whatever it would be by the time it is sent."""
    told.add(started(), look(0))
    told.judge()
    told.clock.sleep(timedelta(hours=1).total_seconds())
    told.add(Judged(10, Verdict.HOLD, ("Errors: many",), "python -m verification rollback"))
    with receiving() as (url, got):
        told.url.write_text(url)
        assert notice.tell_news(told.settings, told.ledger, told.clock) == ()
    (message,) = sent(got)
    assert (message["verdict"], message["reason"]) == ("HOLD", "Errors: many")
    assert message["action"] == "python -m verification status"
