"""What an answer calls new may be somebody else's: it is believed only where it was not there before."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from verification.catalog.requests import fill
from verification.core.cases import Catalog, ReadingSpec, RequestSpec, ResourceSpec, Shape, Twin
from verification.core.errors import TargetError
from verification.core.journal import forget, may_be_ours
from verification.core.redact import Redactor
from verification.drive.caller import Caller
from verification.drive.twins import Workshop


def test_an_id_that_was_there_before_or_is_no_step_of_a_path_is_not_ours() -> None:
    assert may_be_ours("7", frozenset({"1"}))
    for told in ("1", "", ".", ".."):
        assert not may_be_ours(told, frozenset({"1"}))


def test_an_id_stays_one_step_of_the_path_whatever_it_holds() -> None:
    spec = RequestSpec("PUT", "/rules/{rule}")
    sent = [fill(spec, {"rule": told}).path for told in ("7", "../../users/1", "7?all=1", "7#x")]
    assert sent == ["/rules/7", "/rules/..%2F..%2Fusers%2F1", "/rules/7%3Fall=1", "/rules/7%23x"]


class Shop:
    """Answers a creation with an id that may be somebody's, and knows what was asked of it."""

    def __init__(self, told: object, shown: str = '{"rules": [{"id": 7}]}') -> None:
        self.told, self.shown, self.asked = told, shown, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.method == "GET":
            return httpx.Response(200, text=self.shown)
        return httpx.Response(200, json={"id": self.told})


RULE = ResourceSpec(
    "rule",
    RequestSpec("POST", "/rules", body={"name": "{self}"}, has_body=True),
    "id",
    {},
    (RequestSpec("DELETE", "/rules/{self}"),),
    (),
)
RULES = ReadingSpec("rules", RequestSpec("GET", "/rules"), "rules", "id", ordered=False, shape=Shape())
CATALOG = Catalog((), {"rule": RULE}, {"rules": RULES}, {})


def made(shop: Shop, *, ours: bool = False) -> list[str]:
    """What is asked for one twin, from its creation to its removal."""
    notes: list[object] = []
    with Caller("http://shop", Redactor(b"salt"), transport=httpx.MockTransport(shop)) as caller:
        workshop = Workshop(caller, CATALOG, "run", forget if ours else notes.append)
        with suppress(TargetError):
            workshop.remove(workshop.make((Twin("rule", "rule"),)))
    return shop.asked


def test_a_twin_with_an_id_of_its_own_is_removed_by_it() -> None:
    assert made(Shop(8)) == ["GET /rules", "POST /rules", "DELETE /rules/8"]
    assert made(Shop(8), ours=True) == ["POST /rules", "DELETE /rules/8"]


@pytest.mark.parametrize("told", [7, "7", "", "..", True, None, [8], {"id": 8}])
def test_a_service_that_answers_a_creation_with_somebodys_id_loses_nothing(told: object) -> None:
    """A get-or-create answers with what was there: removing the twin would remove that."""
    assert made(Shop(told)) == ["GET /rules", "POST /rules"]


@pytest.mark.parametrize("shown", ["<html>", "[]", '{"rules": 3}'])
def test_where_nobody_can_tell_what_was_there_no_id_is_believed(shown: str) -> None:
    assert made(Shop(8, shown)) == ["GET /rules", "POST /rules"]


def test_an_id_is_given_once_and_again_after_its_removal() -> None:
    shop = Shop(8)
    with Caller("http://shop", Redactor(b"salt"), transport=httpx.MockTransport(shop)) as caller:
        workshop = Workshop(caller, CATALOG, "run", lambda _: None)
        first = workshop.make((Twin("rule", "rule"),))
        with pytest.raises(TargetError, match="no new id"):
            workshop.make((Twin("rule", "rule"),))
        workshop.remove(first)
        assert [twin.actual for twin in workshop.make((Twin("rule", "rule"),))] == ["8"]
