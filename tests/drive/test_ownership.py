"""What an answer calls new may be somebody else's: it is believed only where it was not there before."""

from __future__ import annotations

from verification.catalog.requests import fill
from verification.core.cases import RequestSpec
from verification.core.journal import may_be_ours


def test_an_id_that_was_there_before_or_is_no_step_of_a_path_is_not_ours() -> None:
    assert may_be_ours("7", frozenset({"1"}))
    for told in ("1", "", ".", ".."):
        assert not may_be_ours(told, frozenset({"1"}))


def test_an_id_stays_one_step_of_the_path_whatever_it_holds() -> None:
    spec = RequestSpec("PUT", "/rules/{rule}")
    sent = [fill(spec, {"rule": told}).path for told in ("7", "../../users/1", "7?all=1", "7#x")]
    assert sent == ["/rules/7", "/rules/..%2F..%2Fusers%2F1", "/rules/7%3Fall=1", "/rules/7%23x"]
