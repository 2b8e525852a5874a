"""The status says where a release stands in few lines that nothing can steer, flood or cut the command of."""

from __future__ import annotations

import pytest

from tests.core.release.history import History
from tests.reporting.releases import SECRET, views
from verification.core.printable import HIDDEN
from verification.core.release.plan import PlannedStage, ReleasePlan
from verification.reporting.release_status import COLUMNS, status_lines
from verification.reporting.texts import LANGUAGES, Lang

VIEWS = views()


def wide(line: str) -> int:
    return sum(2 if "\u2e80" <= sign <= "\uffef" else 1 for sign in line)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", VIEWS)
def test_it_fits_on_a_screen_and_holds_nothing_that_steers_it(name: str, lang: Lang) -> None:
    lines = status_lines(VIEWS[name], lang)
    assert len(lines) <= 27
    # A command that is cut is none.
    assert all(wide(line) <= COLUMNS for line in lines[:-1])
    assert not any(HIDDEN.search(line) for line in lines)
    assert SECRET not in "\n".join(lines)


@pytest.mark.parametrize("name", VIEWS)
def test_the_last_line_is_the_exact_command(name: str) -> None:
    lines = status_lines(VIEWS[name])
    assert lines[-1].strip() == VIEWS[name].command
    assert any(line.startswith("Next") for line in lines[-3:-1])


def test_what_must_be_added_to_the_command_is_told_without_its_value() -> None:
    text = " ".join(line.strip() for line in status_lines(VIEWS["called"]))
    assert "Add --target to the command as given before" in text
    assert text.endswith("""observe --ledger='my releases/it'"'"'s.sqlite'""")


def test_stages_what_is_there_the_verdict_and_the_feedback_are_told() -> None:
    text = "\n".join(status_lines(VIEWS["running"]))
    for told in (
        "  done     10 %   26.0 of 24 to 48 h   since 2026-11-02 08:00 UTC  PROMOTE",
        "  running  25 %   34.0 of 72 to 120 h  since 2026-11-03 10:00 UTC  INCONCLUSIVE",
        "  to do    50 %   168 to 240 h",
        "stage 25 %: INCONCLUSIVE: Not decided yet",
        "[#########...........]  34.0 of 72 h",
        "[##########..........]  34 of 65 looks",
        "Error rate: 0.00 % (target ≤ 1 %); Success rate: 100.00 % (target ≥ 99 %)",
        "! open feedback (1): f-1 (minor) The list of cameras jumps",
    ):
        assert told in text
    assert "open feedback" not in "\n".join(status_lines(VIEWS["promote"]))


def test_the_gravest_feedback_is_the_one_that_is_named() -> None:
    assert "  ! open feedback (2): f-2 (serious) Alarms of hall 3 came twice" in status_lines(VIEWS["rollback"])


def test_a_reason_keeps_its_end_on_a_second_line() -> None:
    text = " ".join(line.strip() for line in status_lines(VIEWS["rollback"]))
    assert "from look 24 on 60 errors in 200 requests (30.00%, at least " in text
    assert "%): more than 5.00% is proven" in text


def test_of_many_stages_those_around_the_present_one_are_told() -> None:
    stages = tuple(
        PlannedStage(percent=percent, least_hours=1, most_hours=2, looks=1, requests=1) for percent in range(5, 101, 5)
    )
    lines = status_lines(History().start(50, override="late").view(plan=ReleasePlan(stages=stages)))
    assert [line.split(" %")[0].split()[-1] for line in lines[1:7]] == ["40", "45", "50", "55", "60", "65"]
    assert len(lines) <= 27


def test_chinese_signs_take_two_columns_and_stages_stand_below_each_other() -> None:
    lines = status_lines(VIEWS["rolled-back"], "zh")
    assert len({wide(line.partition(" %")[0].rpartition(" ")[0]) for line in lines[1:5]}) == 1
    assert any("所有请求均由旧实现处理" in line for line in lines)
