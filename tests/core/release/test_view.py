"""What is shown of a release: the asked stage as it was, what was done in it, and what to do now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.release.history import BEGAN, History
from verification.core.errors import UsageError
from verification.core.model import Verdict
from verification.core.release.amounts import Amount, amounts, missing
from verification.core.release.chain import Line
from verification.core.release.events import Decided, FeedbackAdded, Found, Look, RolledBack, Started, Told
from verification.core.release.judgement import Action
from verification.core.release.plan import ReleasePlan
from verification.core.release.standing import standing, standing_at_end_of
from verification.core.release.view import last_stage

MINOR = FeedbackAdded("f-1", "minor", "slow", "hall 3")


def climbed() -> History:
    return History().pass_stage(10, 26).start(25).look(3)


def test_a_stage_that_was_left_stands_as_it_did_right_before() -> None:
    history = climbed()
    found = standing_at_end_of(history.events, 10)
    assert found is not None
    assert (found.percent, len(found.looks), found.verdict) == (10, 26, Verdict.PROMOTE)
    assert found.gate is not None
    assert standing_at_end_of(history.events, 25) == standing(history.events)
    assert standing_at_end_of(history.events, 50) is None
    assert standing_at_end_of([], 10) is None


def test_of_a_stage_that_ran_twice_the_last_run_counts() -> None:
    history = History().start(10).look(2).roll_back().start(10).look(5).start(25, override="late")
    found = standing_at_end_of(history.events, 10)
    assert found is not None
    assert len(found.looks) == 5
    again = History().start(10).look(2).start(10).look(1)
    assert standing_at_end_of(again.events, 10) == standing(again.events)


def test_a_stage_of_the_past_is_judged_at_its_end_and_the_next_step_is_of_now() -> None:
    history = climbed().add(MINOR)
    view = history.view(10)
    assert (view.judgement.percent, view.judgement.verdict) == (10, Verdict.PROMOTE)
    assert view.ended_at == BEGAN + timedelta(hours=26)
    assert view.hours == 26.0
    assert view.action == Action("wait", 25)
    assert view.command == "python -m verification observe"
    assert view.feedback == ()
    assert [one.added for one in history.view().feedback] == [MINOR]
    assert history.view().hours == 3.0
    assert history.view(25) == history.view()


def test_a_stage_that_never_began_is_refused_with_those_that_did() -> None:
    with pytest.raises(UsageError, match=r"no stage at 50 % has begun in release.sqlite; begun have: 10 %, 25 %"):
        climbed().view(50)
    with pytest.raises(UsageError, match="begun have: none"):
        History().view(10)


def test_before_the_first_stage_there_is_nothing_but_the_first_step() -> None:
    view = History().view()
    assert (view.hours, view.amounts, view.steps, view.planned) == (None, (), (), None)
    assert view.action == Action("begin", 10)
    assert {one.state for one in view.progress} == {"to-do"}
    assert (view.last_line, view.wrong) == (0, ())
    assert last_stage(view.release) is None


def test_a_report_is_of_the_stage_that_runs_or_ran_last() -> None:
    assert last_stage(standing(climbed().events)) == 25
    assert last_stage(standing(climbed().roll_back().events)) == 25


def states(history: History) -> list[str]:
    return [one.state for one in history.view().progress]


def test_the_stages_are_told_as_a_person_thinks_of_them() -> None:
    assert states(climbed()) == ["done", "running", "to-do", "to-do"]
    assert states(climbed().roll_back()) == ["again", "rolled-back", "to-do", "to-do"]
    assert states(climbed().roll_back().start(10)) == ["running", "rolled-back", "to-do", "to-do"]
    assert states(climbed().start(10)) == ["running", "again", "to-do", "to-do"]
    assert states(climbed().start(25)) == ["done", "running", "to-do", "to-do"]
    assert states(History().start(50, override="now")) == ["skipped", "skipped", "running", "to-do"]
    # What was passed before a rollback, or before it went down, was not passed on the way to where it stands now.
    assert states(climbed().roll_back().start(50)) == ["skipped", "skipped", "running", "to-do"]
    assert states(climbed().start(10).start(50)) == ["done", "skipped", "running", "to-do"]
    assert states(climbed().start(30)) == ["done", "done", "to-do", "to-do"]


def test_a_stage_has_the_figures_of_its_last_run() -> None:
    done, running, to_do, _ = climbed().view().progress
    assert (done.hours, done.looks, done.verdict, done.ended_at) == (26.0, 26, Verdict.PROMOTE, running.began_at)
    assert (running.hours, running.looks, running.verdict) == (3.0, 3, Verdict.INCONCLUSIVE)
    assert (to_do.hours, to_do.looks, to_do.began_at) == (None, None, None)


def test_the_release_is_finished_when_its_last_stage_has_passed() -> None:
    history = History().pass_stage(100, 26)
    view = history.view()
    assert view.is_finished
    assert view.progress[-1].state == "done"
    assert not climbed().view().is_finished


def test_what_is_not_proven_to_be_back_is_rolled_back_again() -> None:
    assert climbed().roll_back(is_proven=False).view().action == Action("roll-back", 0)
    view = climbed().roll_back().view(25)
    assert view.action == Action("begin", 10)
    assert view.rolled_back is not None
    assert isinstance(view.rolled_back.event, RolledBack)
    assert view.rolled_back.at == view.ended_at
    assert climbed().roll_back().start(10).view().rolled_back is None


def test_a_start_that_came_to_nothing_is_told_until_something_moves() -> None:
    history = climbed().start(50, is_proven=False, detail="no answer")
    failed = history.view().failed_start
    assert failed is not None
    assert isinstance(failed.event, Started)
    assert failed.event.detail == "no answer"
    assert history.roll_back().view().failed_start is None
    assert climbed().view().failed_start is None
    assert History().start(10, is_proven=False).view().failed_start is not None


def test_looks_one_after_the_other_are_one_step_and_a_stage_ends_with_what_ended_it() -> None:
    history = climbed().gate().look(2).add(Told("argo", "paused"), Decided(25, "hold", "maria", "holiday"))
    history.start(50, is_proven=False).look(1).roll_back().start(10)
    kinds = [type(step.event).__name__ for step in history.view(25).steps]
    assert kinds == ["Started", "Look", "GateRun", "Look", "Told", "Decided", "Started", "Look", "RolledBack"]
    first, second = (step for step in history.view(25).steps if step.looks > 1)
    assert (first.looks, first.answered, first.until - first.at) == (3, 3, timedelta(hours=2))
    assert second.looks == 2
    running = climbed().view().steps
    assert [type(step.event) for step in running] == [Started, Look]


def test_looks_without_an_answer_and_of_another_stage_do_not_count() -> None:
    history = climbed()
    history.add(Look(25, 3, history.now, history.now, 0.0, failure="no answer"))
    history.add(Look(10, 4, history.now, history.now, 0.0), MINOR)
    step = history.view().steps[-1]
    assert (step.looks, step.answered) == (4, 3)


def test_where_no_stage_runs_all_that_was_done_is_told() -> None:
    kinds = [type(step.event).__name__ for step in climbed().roll_back().view().steps]
    assert kinds == ["Started", "Look", "GateRun", "Judged", "Started", "Look", "RolledBack"]


def test_what_was_found_and_is_not_found_any_more_is_still_told() -> None:
    gone = Found(25, "monitoring.health", Verdict.HOLD, "Health of the backend", "it was degraded")
    still = Found(25, "rates.errors", Verdict.INCONCLUSIVE, "Errors on candidate", "few")
    assert climbed().add(gone, still).view().gone == (gone,)


def test_secrets_in_the_targets_address_are_not_shown() -> None:
    assert climbed().view(target="http://u:hunter2@backend:80").target == "http://[redacted]@backend:80"


def test_a_broken_chain_is_told() -> None:
    history = climbed()
    whole = history.view()
    assert (whole.last_line, whole.last_hash, whole.wrong) == (len(history.events), history.chain[-1].hash, ())

    class Changed(History):
        @property
        def chain(self) -> list[Line]:
            lines = super().chain
            return [replace(lines[0], body="another"), *lines[1:]]

    changed = Changed()
    changed.events, changed.now = history.events, history.now
    assert changed.view().wrong == ("line 1 was changed after it had been written",)


def test_at_a_percent_of_no_plan_nothing_is_asked_for() -> None:
    view = History().start(30).look(1).view()
    assert (view.planned, view.amounts) == (None, ())
    assert view.hours == 1.0


def test_every_amount_that_is_short_is_missing() -> None:
    history = climbed()
    now = standing(history.events)
    plan = history.view().plan
    stage = plan.stages[1]
    found = amounts(now, stage, plan, 80.0)
    assert [(one.what, one.there, one.is_enough) for one in found] == [
        ("hours", 80.0, True), ("looks", 3, False), ("requests", 120, False), ("gate", 0, False),
    ]  # fmt: skip
    assert [one.what for one in missing(found)] == ["looks", "requests", "gate"]
    with_gate = amounts(standing(history.gate().events), stage, plan, 80.0)
    assert with_gate[-1].is_enough
    no_gate = ReleasePlan(needs_gate=False)
    assert [one.what for one in amounts(now, stage, no_gate, 1.0)] == ["hours", "looks", "requests"]


def test_a_share_of_an_amount_never_leaves_its_bar() -> None:
    assert Amount("hours", 36.0, 72.0).share == 0.5
    assert Amount("hours", 90.0, 72.0).share == 1.0
    assert Amount("hours", -1.0, 72.0).share == 0.0


def test_without_a_request_no_rate_is_known() -> None:
    figures = {one.name: one for one in History().start(10).view().judgement.figures}
    for name in ("error_rate", "success_rate"):
        assert (figures[name].value, figures[name].low, figures[name].high) == (None, None, None)
        assert figures[name].verdict is Verdict.INCONCLUSIVE
    seen = {one.name: one for one in climbed().view().judgement.figures}
    assert (seen["error_rate"].value, seen["success_rate"].value) == (0.0, 1.0)
