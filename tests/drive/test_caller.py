"""One request, one exchange: whatever the transport does is an answer of its own kind, and secrets stay out."""

from __future__ import annotations

import base64
import gzip
import json
import time

import httpx
import pytest

from tests.drive.service import Service
from verification.core.arms import Routing
from verification.core.model import Arm, Exchange, Request
from verification.core.redact import Redactor
from verification.drive.caller import Caller, json_body, was_asked

ASK = Request("GET", "/cameras")


def test_the_arm_is_forced_by_its_query_and_the_flag_left_alone_without() -> None:
    service = Service()
    with service.caller() as caller:
        assert caller.call(ASK, Arm.CONTROL).served_by == "legacy"
        assert caller.call(ASK, Arm.CANDIDATE).served_by == "domain"
        caller.call(ASK, Arm.CANDIDATE, force=False)
    assert service.asked == ["GET /cameras false", "GET /cameras true", "GET /cameras None"]


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("half an answer")]
)
def test_a_transport_that_fails_is_a_failure_and_no_exception(error: httpx.HTTPError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    exchange = Service(interfere=fail).caller().call(ASK, Arm.CONTROL)
    assert exchange.answer is None
    assert exchange.failure is not None
    assert type(error).__name__ in exchange.failure


def test_a_service_that_answers_nothing_for_twelve_time_limits_is_not_asked_any_more() -> None:
    asked = []

    def wait(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        time.sleep(0.02)
        if len(asked) == 2:
            return httpx.Response(200)
        raise httpx.ReadTimeout("no answer")

    with Caller("http://host", Redactor(b"s"), timeout_s=0.005, transport=httpx.MockTransport(wait)) as caller:
        failures = [caller.call(ASK, Arm.CONTROL).failure for _ in range(9)]
    assert failures[1] is None
    silent = [failure or "" for failure in failures[2:]]
    assert {"ReadTimeout" in failure for failure in silent[: len(asked) - 2]} == {True}
    assert len(asked) - 2 <= 3
    assert all("not asked" in failure for failure in silent[len(asked) - 2 :])


def test_a_body_beyond_the_bound_is_a_failure() -> None:
    service = Service(interfere=lambda _: httpx.Response(200, content=b"x" * 5000))
    exchange = service.caller(max_body_bytes=4999).call(ASK, Arm.CONTROL)
    assert "larger than 4999 bytes" in (exchange.failure or "")
    assert service.caller(max_body_bytes=5000).call(ASK, Arm.CONTROL).answer is not None


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    service = Service(interfere=lambda _: httpx.Response(302, headers={"location": "http://elsewhere/"}))
    exchange = service.caller().call(ASK, Arm.CONTROL)
    assert exchange.answer is not None
    assert (exchange.answer.status, exchange.answer.header("location")) == (302, "http://elsewhere/")
    assert len(service.asked) == 1


def test_a_redirect_to_what_is_no_address_is_an_answer_too() -> None:
    service = Service(interfere=lambda _: httpx.Response(302, headers={"location": "http://[nowhere"}))
    answer = service.caller().call(ASK, Arm.CONTROL).answer
    assert answer is not None
    assert answer.header("location") == "http://[nowhere"


def test_cookies_are_told_and_not_kept() -> None:
    """One jar for both arms would tie them to one session, and a sticky backend to one implementation."""
    sent: list[str | None] = []

    def look(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "arm=old"})

    caller = Service(interfere=look).caller()
    answers = [caller.call(ASK, Arm.CONTROL).answer for _ in range(2)]
    assert sent == [None, None]
    assert all(answer is not None and answer.header("set-cookie") is not None for answer in answers)


def test_a_cookie_that_puts_a_request_on_an_arm_stands_beside_the_one_that_authenticates() -> None:
    sent: list[list[str]] = []

    def look(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get_list("cookie"))
        return httpx.Response(200)

    routing = Routing("cookie", "arm", "old", "new")
    transport = httpx.MockTransport(look)
    with Caller("http://host", Redactor(b"s"), routing=routing, headers={"Cookie": "id=1"}, transport=transport) as own:
        for arm in Arm:
            own.call(ASK, arm)
        own.call(ASK, Arm.CONTROL, force=False)
    assert sent == [["id=1; arm=old"], ["id=1; arm=new"], ["id=1"]]


def test_the_bound_is_that_of_the_unpacked_body() -> None:
    packed, headers = gzip.compress(b"x" * 5000), {"content-encoding": "gzip"}
    service = Service(interfere=lambda _: httpx.Response(200, stream=httpx.ByteStream(packed), headers=headers))
    assert "larger than 4999 bytes" in (service.caller(max_body_bytes=4999).call(ASK, Arm.CONTROL).failure or "")
    answer = service.caller(max_body_bytes=5000).call(ASK, Arm.CONTROL).answer
    assert answer is not None
    assert answer.body == "x" * 5000


def test_credentials_of_the_address_reach_the_service_and_nothing_else() -> None:
    seen: list[str | None] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        raise httpx.ConnectError(f"cannot reach {request.url}")

    with Caller("http://gate:s%40cr@host/", Redactor(b"salt"), transport=httpx.MockTransport(look)) as caller:
        exchange = caller.call(ASK, Arm.CONTROL)
    assert seen == ["Basic " + base64.b64encode(b"gate:s@cr").decode()]
    assert "cr@host" not in repr(exchange)


def test_a_secret_parameter_is_replaced_as_a_whole() -> None:
    ask = Request("GET", "/x", (("token", "can ary&x=rest"), ("q", "plain words")))
    exchange = Service().caller().call(ask, Arm.CONTROL)
    assert "rest" not in str(exchange.request)
    assert exchange.request.query[1] == ("q", "plain words")


def test_bytes_that_are_no_text_are_kept_as_they_are() -> None:
    service = Service(interfere=lambda _: httpx.Response(200, content=b"\xff\xfe"))
    answer = service.caller().call(ASK, Arm.CONTROL).answer
    assert answer is not None
    assert (answer.body_is_base64, answer.raw) == (True, b"\xff\xfe")


def test_secrets_stay_out_of_bytes_that_are_no_text() -> None:
    service = Service(interfere=lambda _: httpx.Response(200, content=b"\xff rtsp://u:canary@h/ \xe4"))
    answer = service.caller().call(ASK, Arm.CONTROL).answer
    assert answer is not None
    assert b"canary" not in answer.raw
    assert (answer.raw[:2], answer.raw[-2:]) == (b"\xff ", b" \xe4")


def test_secrets_stay_out_of_the_exchange_and_reach_the_service() -> None:
    seen: list[httpx.Request] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        headers = {"set-cookie": "id=canary", "x": "rtsp://u:canary@h/"}
        return httpx.Response(200, json={"source": "rtsp://u:canary@h/"}, headers=headers)

    ask = Request("POST", "/x", (("token", "canary"),), '{"password": "canary"}', "application/json")
    exchange = Service(interfere=look).caller().call(ask, Arm.CONTROL)
    assert "canary" not in repr(exchange)
    assert seen[0].url.params["token"] == "canary"
    assert b"canary" in seen[0].content


def test_dull_headers_are_not_kept() -> None:
    exchange = Service().caller().call(ASK, Arm.CONTROL)
    assert exchange.answer is not None
    assert exchange.answer.header("content-length") is None


@pytest.mark.parametrize(("content", "expected"), [(b'{"a": 1}', {"a": 1}), (b"<html>", None), (b"\xff", None)])
def test_a_body_is_json_or_none(content: bytes, expected: object) -> None:
    service = Service(interfere=lambda _: httpx.Response(200, content=content))
    assert json_body(service.caller().call(ASK, Arm.CONTROL)) == expected


def test_a_backend_at_one_of_two_addresses_says_the_same_of_its_own_and_not_of_the_other() -> None:
    control, candidate = "http://control:80", "http://candidate:80"

    def answer(request: httpx.Request) -> httpx.Response:
        own = f"http://{request.url.host}:80"
        body = {"next": f"{own}/things?page=2", "old": f"{control}/things"}
        return httpx.Response(200, json=body, headers={"location": f"{own}/things"})

    routing = Routing("url", "", control, candidate, flag=False)
    with Caller(control, Redactor(b"salt"), routing=routing, transport=httpx.MockTransport(answer)) as caller:
        found = [caller.call(Request("GET", "/things"), arm).answer for arm in Arm]
    kept = [(json.loads(one.body), one.header("location")) for one in found if one is not None]
    next_page, own = "«address»/things?page=2", "«address»/things"
    assert kept == [
        ({"next": next_page, "old": own}, own),
        ({"next": next_page, "old": f"{control}/things"}, own),
    ]


def test_one_backend_keeps_its_address_in_the_evidence() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url.copy_with(query=None))))
    with Caller("http://backend:80", Redactor(b"salt"), transport=transport) as caller:
        answer = caller.call(Request("GET", "/things"), Arm.CONTROL).answer
    assert answer is not None
    assert answer.body.startswith("http://backend")


def test_after_its_time_a_caller_sends_nothing_and_says_that_it_did_not() -> None:
    service = Service()
    with service.caller(longest_s=0.0) as caller:
        exchange = caller.call(ASK, Arm.CONTROL)
        assert caller.refused == "the time for all requests together was up"
    assert (service.asked, exchange.answer) == ([], None)
    assert exchange.failure == "not asked: the time for all requests together was up"
    assert not was_asked(exchange)


def test_before_its_time_is_up_a_caller_sends_everything() -> None:
    service = Service()
    with service.caller(longest_s=3600.0) as caller:
        assert was_asked(caller.call(ASK, Arm.CONTROL))
        assert caller.refused is None
    assert len(service.asked) == 1


def test_whoever_listens_hears_of_each_exchange_and_of_what_was_not_asked() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("not asked: says the backend")

    heard: list[Exchange] = []
    with Service().caller(hear=heard.append) as caller:
        told = [caller.call(ASK, Arm.CONTROL)]
    with Service(interfere=fail).caller(hear=heard.append) as caller:
        told.append(caller.call(ASK, Arm.CONTROL))
    with Service().caller(hear=heard.append, longest_s=0.0) as caller:
        told.append(caller.call(ASK, Arm.CONTROL))
    assert heard == told
    # Words of a backend or a socket are never taken for ours.
    assert [was_asked(exchange) for exchange in heard] == [True, True, False]
