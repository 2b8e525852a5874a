"""Sample releases and their reports. `python -m tests.reporting.releases FOLDER` writes the pages to look at."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.core.release.history import History
from tests.reporting.sample import HOSTILE
from verification.core.model import Verdict
from verification.core.release.call import Call
from verification.core.release.events import Decided, FeedbackAdded, FeedbackResolved, Found, Started, Told
from verification.core.release.view import ReleaseView
from verification.reporting.release_report import render_release_html, render_release_md
from verification.reporting.release_status import status_lines
from verification.reporting.texts import LANGUAGES

SECRET = "hunter2hunter2"
STREAM = f"rtsp://admin:{SECRET}@10.0.0.7/live"
MINOR = FeedbackAdded("f-1", "minor", "The list of cameras jumps", "shift lead", "GET /cameras")
SERIOUS = FeedbackAdded("f-2", "serious", "Alarms of hall 3 came twice", "hall 3")


def _climbed() -> History:
    return History().pass_stage(10, 26).add(MINOR).start(25)


def running() -> History:
    history = _climbed().look(20).judge(Verdict.INCONCLUSIVE).look(14)
    return history.add(Found(25, "monitoring.health", Verdict.HOLD, "Health of the backend", "health says 'degraded'"))


def promoted() -> History:
    return History().pass_stage(10, 26).add(MINOR, FeedbackResolved("f-1", "it did so before", "maria"))


def broken() -> History:
    return _climbed().look(20).look(9, errors=12, differing=("cameras",)).judge(Verdict.ROLLBACK).add(SERIOUS)


def rolled_back() -> History:
    return broken().roll_back(why="8 % errors since Tuesday").wait(2)


def finished() -> History:
    history = _climbed().look(72).gate().judge(Verdict.PROMOTE).start(50).look(170).gate().judge(Verdict.PROMOTE)
    return history.add(Decided(50, "promote", "maria", "all is well")).pass_stage(100, 26)


def hostile() -> History:
    said = f"{HOSTILE} {STREAM}"
    history = _climbed().look(3).add(FeedbackAdded("f-3", "serious", said, said, said), Told(said, said))
    history.add(Decided(25, "hold", said, said), Found(25, "made.up", Verdict.HOLD, said, said))
    return history.start(50, is_proven=False, detail=said, override=said)


def flooded() -> History:
    history = running()
    for number in range(200):
        history.add(FeedbackAdded(f"g-{number}", "minor", "x" * 5000, "a tool"), Told("tool", f"{number}"))
    return history


def changed() -> ReleaseView:
    view = running().view()
    return replace(view, wrong=("line 3 was changed after it had been written",))


def called() -> ReleaseView:
    """Called with options, one of which holds a secret."""
    call = Call(ledger="my releases/it's.sqlite", target=f"http://maria:{SECRET}@10.0.0.7")
    return replace(running().view(), call=call)


def views() -> dict[str, ReleaseView]:
    """Every kind of release that a report may have to show."""
    overridden = History().start(50, override="we were asked to").look(2).start(10)
    unproven = _climbed().look(2).judge(Verdict.HOLD).roll_back(is_proven=False)
    return {
        "nothing": History().view(),
        "running": running().view(),
        "promote": promoted().view(),
        "hold": _climbed().look(6).look(30, slower=1.4).gate(Verdict.HOLD).judge(Verdict.HOLD).view(),
        "rollback": broken().view(),
        "rolled-back": rolled_back().view(25),
        "rolled-back-now": rolled_back().view(),
        "not-rolled-back": unproven.view(25),
        "past": running().view(10),
        "again": overridden.view(),
        "skipped": History().start(50, override="we were asked to").look(2).view(),
        "strange": History().start(30, override="we were asked to").look(2).view(),
        "gate": History().start(10).look(26).view(),
        "stopped": History().start(10).look(1).start(0).view(),
        "astray": _climbed().look(2).add(Started(50, 25, "maria", False, "no answer", 3.0, is_back=False)).view(),
        "finished": finished().view(),
        "changed": changed(),
        "called": called(),
        "flooded": flooded().view(),
        "no-lower-bound": History().start(10).look(2).gate(low=-1.0).view(),
        "no-upper-bound": History().start(10).look(2).gate(high=None).view(),
        "hostile": hostile().view(target=STREAM, ledger=HOSTILE),
    }


if __name__ == "__main__":
    for name, view in views().items():
        print(f"\n== {name}", *status_lines(view), sep="\n")
        for lang in LANGUAGES:
            (Path(sys.argv[1]) / f"{name}-{lang}.html").write_text(render_release_html(view, lang), encoding="utf-8")
            (Path(sys.argv[1]) / f"{name}-{lang}.md").write_text(render_release_md(view, lang), encoding="utf-8")
