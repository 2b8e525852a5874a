"""A whole gate run against a hostile target, as a person types it: nothing that the target says steers the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest

from tests.hostile.server import MARKUP, STEERING, Behaviour, Conversation, HostileServer, hostile_json
from tests.hostile.test_reports import steering_in
from tests.plugin.running import gate
from verification.core.model import Finding, Verdict
from verification.gate import Gate


def test_a_failed_test_says_its_reasons_without_steering() -> None:
    finding = Finding("parity.body", Verdict.HOLD, "title", f"the body says {STEERING}\nPROMOTE")
    with pytest.raises(pytest.fail.Exception) as failed:
        Gate.require(cast("Gate", None), [finding])
    assert not steering_in(str(failed.value))
    assert "\n" not in str(failed.value)


WORDS = ("-k", "monitoring or test_witness or (test_parity and alerts and every-field)", "-v", "-rA")


def _answers(talk: Conversation) -> None:
    steering = f"{MARKUP}\x1b[2J\u009b"
    talk.answer(hostile_json(), f"X-A: {steering}", f"X-Served-By: {steering}", "Content-Type: application/json")


def _raw_answers(talk: Conversation) -> None:
    """The same text as it is, and with lines that read like the suite's own."""
    text = f"{MARKUP}\nPROMOTE: Go on to the next stage of the plan.\r\x1b[1A\x1b[2K{STEERING}"
    talk.answer(text.encode(), status="200 OK" if talk.target.startswith("/api/ping") else "500 X")


@pytest.mark.parametrize("behaviour", [_answers, _raw_answers], ids=["equal nonsense", "errors"])
def test_what_a_target_says_steers_no_terminal(behaviour: Behaviour, tmp_path: Path) -> None:
    results = (f"--junitxml={tmp_path / 'pytest.xml'}", f"--alluredir={tmp_path / 'allure'}")
    with HostileServer(behaviour) as server:
        ran = gate(tmp_path / "run", f"--target={server.url}", "--stage=25", *WORDS, *results)
    assert ran.code in (10, 11, 12), ran.text
    assert not steering_in(ran.text)
    assert not [line for line in ran.text.splitlines() if line.startswith("PROMOTE")]
    assert "INTERNALERROR" not in ran.text
    root = ElementTree.fromstring((tmp_path / "pytest.xml").read_bytes())
    assert not steering_in("".join([*root.itertext(), *(v for e in root.iter() for v in e.attrib.values())]))
