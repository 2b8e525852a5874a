"""What the gate says of two services that were not written here, each in an older and a newer release.

Run with `pytest -m examples` or `tox run -e examples`; skipped only where pip cannot reach the package registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.examples.serving import parity, served
from tests.plugin.running import Ran

pytestmark = pytest.mark.examples

# Changelog of Datasette 0.64.8: "404 errors no longer display additional information from the URL".
DOCUMENTED = {
    ("GET /{database}.json", "unknown-database"): ("Database not found: nothing", "Database not found"),
    ("GET /{database}/{table}.json", "unknown-table"): ("Table not found: nothing", "Table not found"),
    ("GET /{database}/{table}.json", "capitals"): ("Table not found: CAMERAS", "Table not found"),
    ("GET /{database}/{table}.json", "unknown-database"): ("Database not found: nothing", "Database not found"),
    ("GET /{database}/{table}/{key}.json", "unknown-row"): ("Record not found: ['99']", "Record not found"),
}


def said_against(ran: Ran, rule: str = "") -> list[dict[str, Any]]:
    """The findings that speak against the release, of one kind of rule; what a part of the gate leaves out does not."""
    against = [f for f in ran.report["findings"] if f["verdict"] in ("HOLD", "ROLLBACK")]
    return [finding for finding in against if finding["rule"].startswith(rule)]


def unsure_of(ran: Ran) -> list[dict[str, Any]]:
    """What the run could not know, beside that it was asked for a part of the gate only."""
    return [f for f in ran.report["findings"] if f["verdict"] == "INCONCLUSIVE" and f["rule"] != "evidence.missing"]


def test_a_documented_change_of_datasette_is_found_and_nothing_else(tmp_path: Path) -> None:
    with served("datasette", tmp_path) as settings:
        ran = parity(settings, tmp_path / "run")
    assert ran.report["verdict"] == "HOLD", ran.text
    assert ran.code == 10
    found = {
        (finding["endpoint"], finding["case"]): [
            (place["where"], place["path"], place["control"], place["candidate"]) for place in finding["differences"]
        ]
        for finding in said_against(ran, "parity.")
    }
    assert found == {
        key: [("body", "error", f'"{control}"', f'"{candidate}"')] for key, (control, candidate) in DOCUMENTED.items()
    }
    # Calls in a row meet the same answers; a search ends at the first.
    drawn = said_against(ran, "sequence.")
    places = {(place["where"], place["path"]) for finding in drawn for place in finding["differences"]}
    assert places <= {("body", "error")}
    assert len(said_against(ran)) == len(found) + len(drawn)
    assert {finding["rule"] for finding in said_against(ran, "parity.")} == {"parity.body"}
    assert unsure_of(ran) == []


def test_two_releases_of_jupyter_server_that_behave_alike_are_found_to(tmp_path: Path) -> None:
    with served("jupyter-server", tmp_path) as settings:
        ran = parity(settings, tmp_path / "run")
    assert said_against(ran) == [], ran.text
    assert unsure_of(ran) == [], ran.text
    assert {case["result"] for case in ran.report["cases"]} == {"EQUAL"}
    assert ran.report["leftovers"] == []
    assert len(ran.report["cases"]) >= 120
    assert min(score["killed"] / score["mutants"] for score in ran.report["scores"] if score["mutants"]) >= 0.98


# Changelog of Jupyter Server 2.11.0: "Support get file(notebook) md5 #1363"; of 2.11.1: "Change md5 to hash and
# hash_algorithm, fix incompatibility #1367".
HASH = {"hash", "hash_algorithm"}


def test_the_catalog_that_is_quiet_is_not_blind(tmp_path: Path) -> None:
    """With an older control the same cases find the two members that were added since, in answers and in the state."""
    with served("jupyter-server", tmp_path, "--older") as settings:
        ran = parity(settings, tmp_path / "run")
    # Another state weighs more than another answer.
    assert ran.report["verdict"] == "ROLLBACK", ran.text
    made = [f for f in said_against(ran) if (f["endpoint"], f["case"]) == ("POST /contents", "text")]
    found = {(place["where"], place["path"], place["control"]) for finding in made for place in finding["differences"]}
    absent = "(absent)"
    assert found == {("body", name, absent) for name in HASH} | {
        ("state contents", f"content.«made».{name}", absent) for name in HASH
    }
    untouched = {"DELETE /contents/{folder}/{name}", "GET /files/{folder}/{name}", "GET /kernelspecs", "GET /status"}
    assert {f["endpoint"] for f in said_against(ran)} & untouched == set()
