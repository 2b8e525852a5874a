"""Which database is used is read strictly, and told without its password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.reference.running import LONGEST_S, command, environment, running
from verification.reference.database_url import DatabaseError, describe, explain, read_url

CANARY = "s3cr3t-canary"
NOBODY = f"postgresql://maria:{CANARY}@127.0.0.1:9/rules"


def ask(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*options), capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment(**variables)
    )


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://h/n", "postgresql+psycopg"),
        ("postgresql://h/n", "postgresql+psycopg"),
        ("postgresql+psycopg://h/n", "postgresql+psycopg"),
        ("sqlite:///file", "sqlite"),
    ],
)
def test_the_usual_spellings_are_understood(given: str, driver: str) -> None:
    assert read_url(given, "DATABASE_URL", may_hold_password=True).drivername == driver


@pytest.mark.parametrize("given", [CANARY, f"postgresql://u:{CANARY}@h:port/n", "", f"mysql://u:{CANARY}@h/n"])
def test_what_is_no_usable_url_is_refused_with_an_example_and_not_repeated(given: str) -> None:
    with pytest.raises(DatabaseError, match=r"DATABASE_URL .*postgresql://user@127") as caught:
        read_url(given, "DATABASE_URL", may_hold_password=True)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "given", [NOBODY, f"postgresql://h/n?password={CANARY}", f"postgresql://h/n?sslpassword={CANARY}"]
)
def test_a_password_on_the_command_line_is_refused_because_others_can_read_it_there(given: str) -> None:
    answer = ask("--database-url", given)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "DATABASE_URL" in answer.stderr
    assert CANARY not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (NOBODY, "PostgreSQL database rules at 127.0.0.1:9"),
        ("postgresql:///?host=/run/pg", "PostgreSQL database (its default) at /run/pg"),
        ("postgresql:///n?host=a&host=b", "PostgreSQL database n at a, b"),
        ("postgresql:///n", "PostgreSQL database n at the default socket"),
        ("sqlite:////var/x.sqlite3", "SQLite in /var/x.sqlite3"),
        ("sqlite://", "SQLite in memory"),
    ],
)
def test_a_database_is_told_by_its_place(given: str, words: str) -> None:
    assert describe(make_url(given)) == words


def test_what_a_driver_says_is_told_without_the_password() -> None:
    said = ValueError(f"no login for\n maria with {CANARY} and other")
    url = make_url(f"{NOBODY}?sslpassword=other")
    assert explain(said, url) == "no login for maria with [redacted] and [redacted]"


def test_a_database_that_cannot_be_reached_is_said_in_one_line_without_its_password() -> None:
    pytest.importorskip("psycopg")
    answer = ask(DATABASE_URL=NOBODY)
    assert answer.returncode == 2
    assert "PostgreSQL database rules at 127.0.0.1:9 cannot be used" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    assert CANARY not in answer.stdout + answer.stderr


def test_a_missing_driver_is_named_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('No module named psycopg', name='psycopg')\n")
    answer = ask(DATABASE_URL=NOBODY, PYTHONPATH=f"{tmp_path}:{Path.cwd()}")
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "'psycopg'" in answer.stderr
    assert "release-gate[reference,postgresql]" in answer.stderr


def test_the_command_line_wins_over_the_environment(tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite3"
    with running("--database-url", f"sqlite:///{there}", DATABASE_URL=NOBODY):
        assert there.exists()
