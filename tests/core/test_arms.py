"""What puts a request on an arm stands beside what it already carries."""

from __future__ import annotations

from verification.core.arms import Marks, Routing
from verification.core.model import Arm


def test_a_cookie_joins_the_one_that_is_there_and_a_header_replaces_its_namesake() -> None:
    by_cookie = Routing("cookie", "arm", "old", "new").marks(Arm.CANDIDATE)
    assert by_cookie.beside({"Cookie": "id=1", "Accept": "*/*"}) == {"cookie": "id=1; arm=new", "accept": "*/*"}
    assert by_cookie.beside({}) == {"cookie": "arm=new"}
    by_header = Routing("header", "X-Arm", "old", "new").marks(Arm.CONTROL)
    assert by_header.beside({"x-arm": "mine"}) == {"x-arm": "old"}
    assert Marks().beside({"A": "1"}) == {"a": "1"}
