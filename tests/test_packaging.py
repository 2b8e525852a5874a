"""What the project says of itself in its files agrees: dependencies, lowest versions, environments, README."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for line in README.splitlines() if line.startswith("$ ")]


def lower_bounds() -> dict[str, str]:
    wanted = [
        *PROJECT["dependencies"],
        *(
            name
            for extra in ("reference", "postgresql", "schemathesis", "tests")
            for name in PROJECT["optional-dependencies"][extra]
        ),
    ]
    bounds = {}
    for requirement in wanted:
        name, bound = requirement.split(">=")
        bounds[name.partition("[")[0]] = bound
    return bounds


def padded(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    return tuple([*numbers, 0, 0][:3])


def test_the_minimums_are_the_lower_bounds() -> None:
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([\d.]+)$", (ROOT / "minimums.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    bounds = lower_bounds()
    assert sorted(pinned) == sorted(bounds)
    for name, bound in bounds.items():
        assert padded(pinned[name]) == padded(bound), name


def tox_environments() -> set[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    named = {section.split(":")[1] for section in parser.sections() if section.startswith("testenv:")}
    return named | {name.strip() for name in parser["tox"]["env_list"].split(",")}


def test_every_tox_environment_that_the_readme_or_ci_names_exists() -> None:
    texts = "\n".join([*COMMANDS, (ROOT / ".ci/run").read_text(encoding="utf-8")])
    named = set(re.findall(r"tox run -e (\w+)", texts))
    assert {"gate", "tests"} <= named
    assert named <= tox_environments()


def test_ci_runs_the_readmes_test_command() -> None:
    assert ".venv/bin/tox run -e tests" in COMMANDS
    assert ".venv/bin/tox run -e tests" in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_every_option_of_the_readme_is_one_of_pytests() -> None:
    listed = set(re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert len(listed) > 5
    assert not sorted(option for option in listed if f" {option}" not in done.stdout)


def test_the_defect_that_the_readme_seeds_exists() -> None:
    seeded = re.findall(r"--defect ([a-z0-9-]+)", "\n".join(COMMANDS))
    done = subprocess.run(
        [sys.executable, "-m", "verification.reference", "--list-defects"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert seeded
    assert all(re.search(rf"^{name}\b", done.stdout, re.MULTILINE) for name in seeded)


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_every_file_that_a_page_links_to_exists(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert (ROOT / link).exists(), link


def test_the_settings_file_says_the_true_defaults() -> None:
    """Each commented default in rollout.toml, uncommented, changes nothing."""
    from verification.settings import Settings

    text = (ROOT / "rollout.toml").read_text(encoding="utf-8").split("# A difference that a named person")[0]
    spoken = {
        "url",
        "control_url",
        "candidate_url",
        "ca_file",
        "database_environment",
        "log_file",
        "rate_per_s",
        "header",
        "log",
        "names",
    }
    spoken |= {"environment", "prefix", "query", "control", "candidate", "shared_state", "flag", "none", "path"}
    spoken |= {"command", "http", "file", "check", "max_rate_per_s", "max_in_flight", "metrics"}
    lines = []
    for line in text.splitlines():
        found = re.match(r"# (\w+) = ", line)
        lines.append(line[2:] if found and found[1] not in spoken else line)
    assert Settings.model_validate(tomllib.loads("\n".join(lines))) == Settings()
