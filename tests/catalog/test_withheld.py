"""No secret of recorded traffic or of a description is in any byte that `init` writes or prints."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.catalog.documents import API_KEY, BEARER, CANARIES, PASSWORD, answer, described, secret_traffic
from verification.catalog.load import load_catalog
from verification.catalog.withheld import Withheld
from verification.cli import main


def written(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()) if file.suffix == ".yaml")


def test_every_canary_is_planted() -> None:
    traffic = json.dumps(secret_traffic())
    assert [canary for canary in CANARIES if canary not in traffic and canary != "c4n4ry-basic"] == []


def test_no_secret_of_recorded_traffic_is_written_or_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "traffic.har", tmp_path / "catalog"
    file.write_text(json.dumps(secret_traffic()), encoding="utf-8")
    assert main(["init", "--har", str(file), "--output", str(out)]) == 0
    said = capsys.readouterr().out
    everything = b"".join(one.read_bytes() for one in out.iterdir()).decode() + said
    for canary in CANARIES:
        assert canary not in everything, canary
        assert quote(canary, safe="") not in everything
    assert "c4n4ry" not in everything
    assert "{fill_in_password}" in written(out)
    for place in ("header authorization", "header cookie", "query api_key", "body password", "body refresh_token"):
        assert f"secret withheld: {place}" in said


def test_what_holds_no_secret_is_kept_and_can_be_asked(tmp_path: Path) -> None:
    file, out = tmp_path / "traffic.har", tmp_path / "catalog"
    traffic = secret_traffic()
    traffic["log"]["entries"] = traffic["log"]["entries"][:2]
    file.write_text(json.dumps(traffic), encoding="utf-8")
    assert main(["init", "--har", str(file), "--output", str(out)]) == 0
    catalog = load_catalog(out)
    (things,) = catalog.endpoints
    assert (things.id, things.cases[0].request.query) == ("GET /things", (("limit", "5"),))
    assert [mask.path for mask in things.shape.masks] == ["created_at"]
    assert set(catalog.disabled) == {"POST /login"}


def test_secrets_in_the_examples_of_a_description_are_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {
        "content": {"application/json": {"example": {"name": "a", "password": PASSWORD, "note": f"Bearer {BEARER}"}}}
    }
    key = {"name": "k", "in": "query", "required": True, "schema": {"type": "string"}, "example": API_KEY}
    document = described(
        {
            "/things": {
                "get": {"parameters": [key], "responses": answer({})},
                "post": {"summary": f"makes one, token={API_KEY}", "requestBody": body, "responses": answer({})},
            }
        },
        components={"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "k"}}},
    )
    file, out = tmp_path / "openapi.json", tmp_path / "catalog"
    file.write_text(json.dumps(document), encoding="utf-8")
    assert main(["init", "--openapi", str(file), "--output", str(out)]) == 0
    everything = written(out) + capsys.readouterr().out
    assert "c4n4ry" not in everything
    assert "k={fill_in_k}" in everything


def test_a_usual_word_in_a_cookie_is_not_looked_for_elsewhere() -> None:
    withheld = Withheld()
    withheld.header("cookie", "theme=dark; n=1; sid=4f3a9b2c77")
    assert withheld.text("a dark room 1 of 2") == "a dark room 1 of 2"
    assert "4f3a9b2c77" not in withheld.text("/x/4f3a9b2c77")
