"""The exact words to type: with what was given in the present call, quoted, and without what is secret."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from verification.core import redact
from verification.core.release.call import PLAIN, Call
from verification.core.release.judgement import Action

COMMANDS = {
    "begin": "python -m verification start 10",
    "wait": "python -m verification observe",
    "run-gate": "pytest -p verification.plugin -m stage_gate --stage 10; "
    "python -m verification decide --run reports/latest",
    "promote": "python -m verification start 10",
    "done": "python -m verification report --stage 10",
    "analyse": "python -m verification rollback && python -m verification start 10",
    "roll-back": "python -m verification rollback",
}
GIVEN = Call("my settings.toml", "http://127.0.0.1:8000", "it's.sqlite", "/var/gate runs")


@pytest.mark.parametrize("kind", COMMANDS)
def test_where_the_file_says_all_an_action_is_a_plain_command(kind: str) -> None:
    assert PLAIN.command(Action(kind, 10)) == COMMANDS[kind]  # type: ignore[arg-type]
    assert PLAIN.note is None


def test_what_the_gates_run_said_is_told_whatever_its_exit_code_is() -> None:
    assert "&&" not in PLAIN.command(Action("run-gate", 10))


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_was_given_stands_in_each_command_as_one_word_of_a_shell(kind: str) -> None:
    parts = GIVEN.command(Action(kind, 10)).replace("; ", " && ").split(" && ")  # type: ignore[arg-type]
    for part in parts:
        words = shlex.split(part)
        assert "--settings=my settings.toml" in words
        assert "--target=http://127.0.0.1:8000" in words
        # The gate knows no ledger.
        assert ("--ledger=it's.sqlite" in words) is (words[0] == "python")
    assert GIVEN.lacking == ()


def test_the_permission_to_move_a_backend_elsewhere_stands_where_something_is_moved_only() -> None:
    call = Call(ledger="x", is_elsewhere=True)
    moving = {kind for kind in COMMANDS if "--allow-percent-change" in call.command(Action(kind, 10))}  # type: ignore[arg-type]
    assert moving == {"begin", "promote", "analyse", "roll-back"}
    assert call.back == "python -m verification rollback --ledger=x --allow-percent-change"


def test_what_undoes_names_the_folder_as_one_word_and_the_permission_that_was_given() -> None:
    assert PLAIN.cleanup("a/10-0") == "python -m verification cleanup a/10-0"
    words = shlex.split(replace(GIVEN, may_write=True).cleanup("my releases/10-0"))
    assert words == [
        *("python", "-m", "verification", "cleanup", "my releases/10-0"),
        *("--settings=my settings.toml", "--target=http://127.0.0.1:8000", "--allow-writes"),
    ]


def test_the_permission_to_write_stands_where_something_is_written_only() -> None:
    call = Call(target="http://backend.example", may_write=True)
    writing = {kind for kind in COMMANDS if "--allow-writes" in call.command(Action(kind, 10))}  # type: ignore[arg-type]
    assert writing == {"wait", "run-gate"}
    gate, taken_in = call.command(Action("run-gate", 10)).split("; ")
    assert "--allow-writes" in gate
    assert "--allow-writes" not in taken_in


def test_the_gates_run_is_looked_for_where_the_gate_leaves_it() -> None:
    assert "/var/gate runs/latest" in shlex.split(GIVEN.command(Action("run-gate", 10)))


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (Call(target="http://maria:hunter2@backend.example"), "--target"),
        (Call(settings="password=hunter2.toml"), "--settings"),
        (Call(ledger="hunter2\x1b[2J"), "--ledger"),
        (Call(ledger="planted/hunter2"), "--ledger"),
    ],
)
def test_what_may_not_be_printed_is_left_out_and_must_be_given(
    call: Call, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "_values", ("planted/hunter2",))
    assert call.suite("status") == "python -m verification status"
    assert call.lacking == (option,)
    assert call.note is not None
    assert option in call.note
    assert "hunter2" not in call.note
