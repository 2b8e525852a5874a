"""No secret survives, equal secrets stay equal, and what is no secret stays as it is."""

from __future__ import annotations

import json
import re
import sys
from random import Random
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.redact import Redactor, is_secret, is_secret_name, redact_text, small_letters

REDACTOR = Redactor(b"salt-of-this-run")
SECRET = "s3cr3t-canary"
PLANTED = [
    f"rtsp://gate:{SECRET}@10.0.0.1/stream",
    f"rtsp://{SECRET}@10.0.0.1/stream",
    f"rtsp://gate:p@{SECRET}@10.0.0.1/stream",
    f'{{"source": "https:\\/\\/gate:{SECRET}@host/x"}}',
    f'{{"password": "{SECRET}", "a": 1}}',
    f'{{"api_key":"{SECRET}"}}',
    f'{{"X-Access-Token" : "{SECRET}"}}',
    f"GET /x?a=1&access_token={SECRET}&b=2",
    f"/x?token={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"cookie: session={SECRET}; other=1",
    f"Set-Cookie: id={SECRET}",
    f"sent with bearer {SECRET}",
    f"proxy-authorization=Basic {SECRET}",
    f"rtsp://gate:it's{SECRET}@10.0.0.1/stream",
    f"rtsp://gate:a/{SECRET}@10.0.0.1/stream",
    f"rtsp://gate:a:{SECRET}@10.0.0.1/stream",
    f'{{"source": "rtsp://gate:\\u00fc{SECRET}@h/"}}',
    f'{{"source": "rtsp://gate:a\\"{SECRET}@h/"}}',
    f'{{"source": "rtsp://gate:a\\\\{SECRET}@h/"}}',
    f'{{"cookie": "{SECRET}"}}',
    f'{{"Set-Cookie": "id={SECRET}"}}',
    f'{{"password": "a\\"{SECRET}"}}',
    f"{{'password': '{SECRET}'}}",
    f"password={SECRET}&user=gate",
    f"login(user='gate', password='{SECRET}')",
    f'login password="{SECRET}" done',
    f"X-Api-Key: {SECRET}",
    f"access_token: {SECRET}, valid",
    f'{{"detail": "Cookie: \\"{SECRET}\\""}}',
]


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_secret_is_gone(text: str) -> None:
    assert SECRET not in REDACTOR.text(text)
    assert SECRET not in redact_text(text)
    assert "[redacted" in REDACTOR.text(text)


@pytest.mark.parametrize("text", PLANTED)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert REDACTOR.text(REDACTOR.text(text)) == REDACTOR.text(text)
    assert redact_text(redact_text(text)) == redact_text(text)


def test_equal_secrets_have_equal_stand_ins_and_others_do_not() -> None:
    one, same, other = (REDACTOR.text(f"?token={secret}") for secret in ("a" * 9, "a" * 9, "b" * 9))
    assert one == same
    assert one != other
    assert REDACTOR.text("?token=abc") != Redactor(b"another salt").text("?token=abc")


def test_secret_headers_lose_their_value_and_others_are_searched() -> None:
    headers = (
        ("Authorization", SECRET),
        ("set-cookie", f"id={SECRET}"),
        ("location", f"http://u:{SECRET}@h/"),
        ("a", "b"),
    )
    kept = REDACTOR.headers(headers)
    assert SECRET not in str(kept)
    assert [name for name, _ in kept] == ["Authorization", "set-cookie", "location", "a"]
    assert kept[3] == ("a", "b")


@pytest.mark.parametrize("name", ["X-Access-Token", "x-amz-security-token", "Cookie", "Proxy-Authorization"])
def test_a_header_is_secret_by_its_name_and_stays_as_it_is_the_second_time(name: str) -> None:
    once = REDACTOR.headers(((name, SECRET),))
    assert SECRET not in str(once)
    assert REDACTOR.headers(once) == once


PASSWORD = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"], exclude_characters="/"), min_size=1, max_size=12
).map(lambda text: f"{text}{SECRET}")
"""Any password without a slash: signs, quotes, backslashes, colons, @, letters of every script."""


@given(PASSWORD, st.booleans(), st.booleans())
def test_no_password_in_an_address_survives_in_json(password: str, ascii_only: bool, slashes_escaped: bool) -> None:
    if re.search(r"[\"'\\\\](?:$|[,:;)}\]])", password.removesuffix(SECRET)):
        return  # reads like the end of one text and the beginning of the next
    body = json.dumps({"source": f"rtsp://gate:{password}@10.0.0.1/s", "ok": True}, ensure_ascii=ascii_only)
    kept = REDACTOR.text(body.replace("/", "\\/") if slashes_escaped else body)
    assert SECRET not in kept
    assert json.loads(kept)["ok"] is True
    assert json.loads(kept)["source"].endswith("@10.0.0.1/s")


@given(st.text(max_size=12), st.sampled_from(["password", "api_key", "X-Auth-Token", "cookie"]), st.integers(0, 2))
def test_no_member_survives_however_deep_its_text_is_nested(password: str, name: str, levels: int) -> None:
    secret = f"{SECRET}{password}" if levels == 2 else f"{password}{SECRET}"
    document: object = {name: secret, "ok": True}
    for _ in range(levels):
        document = {"text": json.dumps(document), "ok": True}
    kept = REDACTOR.text(json.dumps(document))
    assert SECRET not in kept
    for _ in range(levels):
        found = json.loads(kept)
        assert found["ok"] is True
        kept = found["text"]
    if levels < 2:
        assert json.loads(kept)["ok"] is True


@given(st.text(max_size=12))
def test_one_secret_has_one_stand_in_however_its_letters_are_escaped(secret: str) -> None:
    plain, escaped = (json.dumps({"password": secret}, ensure_ascii=ascii_only) for ascii_only in (False, True))
    assert json.loads(REDACTOR.text(plain)) == json.loads(REDACTOR.text(escaped))


@given(st.text(max_size=12), st.text(max_size=12))
def test_different_secrets_stay_different(one: str, other: str) -> None:
    same = REDACTOR.text(json.dumps({"password": one})) == REDACTOR.text(json.dumps({"password": other}))
    assert same is (one == other)


@given(st.text(max_size=40))
def test_redacting_any_text_twice_is_redacting_it_once(text: str) -> None:
    for planted in (text, f"?token={text}", f"rtsp://a:{text}@h", f"cookie: {text}", json.dumps({"secret": text})):
        once = REDACTOR.text(planted)
        assert REDACTOR.text(once) == once


def test_bytes_that_are_no_utf8_are_redacted_and_else_kept() -> None:
    body = b"\xff\xfe rtsp://gate:" + SECRET.encode() + b"@h/ \xe4"
    kept = REDACTOR.raw(body)
    assert SECRET.encode() not in kept
    assert kept.startswith(b"\xff\xfe rtsp://[redacted ")
    assert kept.endswith(b"@h/ \xe4")


def test_an_escape_that_is_none_is_hashed_as_it_stands() -> None:
    assert REDACTOR.text(r"{'password': 'a\qb'}") == REDACTOR.text(r"{'password': 'a\qb'}")
    assert "qb" not in REDACTOR.text(r"{'password': 'a\qb'}")


@pytest.mark.parametrize(
    "text", ["x" * 300_000, "a-" * 150_000, "\\" * 100_000, '\\"' * 100_000, "token" * 60_000, "http://u:x/" * 3_000]
)
def test_no_text_makes_the_search_run_away(text: str) -> None:
    """Each took minutes, or would, if a pattern went over it once for each of its places."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        '{"name": "token of thanks"}',
        "http://host/path?x=1",
        "user@example.com",
        '{"a": "cookie jar"}',
        "Basic authentication required",
        "Bearer Authentication",
        "the bearer certificate",
        "http://127.0.0.1:8000/mail/a@b",
        "http://[::1]:8000/mail/a@b",
        "http://host, mail a@b",
        '{"a":"http://host","b":"x@y"}',
        "['http://host','x@y']",
        r'{"a": "{\"url\": \"http://host\",\"mail\":\"x@y\"}"}',
        '{"a":"token=","b":"c"}',
        '{"count": 3, "tokens": 5}',
        "1 @ 2",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_header_inside_a_json_text_does_not_swallow_the_rest_of_the_body() -> None:
    body = json.dumps({"detail": f"cookie: {SECRET}", "ok": True})
    assert json.loads(REDACTOR.text(body))["ok"] is True


def test_a_header_line_ends_where_the_line_ends() -> None:
    body = json.dumps({"log": f"cookie: {SECRET}\nnext line", "ok": True})
    assert json.loads(REDACTOR.text(body))["log"].endswith("\nnext line")
    assert REDACTOR.text(f"Cookie: {SECRET}\r\nHost: here").endswith("\r\nHost: here")
    assert REDACTOR.text("Cookie:\nHost: here") == "Cookie:\nHost: here"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_a_json_body_stays_json(members: dict[str, str]) -> None:
    body = json.dumps({**members, "password": "x y", "url": "rtsp://a:b@h/"})
    assert set(json.loads(REDACTOR.text(body))) == {*members, "password", "url"}


def test_small_letters_are_what_a_search_without_case_takes_for_them() -> None:
    """Else a secret could hide behind a name that the patterns know and the quick look does not."""
    signs = [chr(code) for code in range(sys.maxunicode + 1)]
    for letter in ascii_lowercase:
        as_searched = re.findall(letter, "".join(signs), re.IGNORECASE)
        assert [sign for sign in as_searched if small_letters(sign) != letter] == []


WORDS = (
    *("password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "credential", "authorization"),
    *("sessionid", "session_id", "session-id", "cookie", "cookies", "set-cookie", "proxy-authorization"),
    *("x-my-key", "x-my-auth", "auth-key", "access_id", "accessid", "refresh-id", "api_id", "bearer", "Basic"),
)
FORMS = (
    *(
        '{"%s": "%s"}',
        r'"{\"%s\": \"%s\"}"',
        r"{\\\"%s\\\": \\\"%s\\\"}",
        "{'%s': '%s'}",
        "%s='%s'",
        '%s="%s" ',
        "%s=%s",
    ),
    *("%s: %s", "%s:%s", "%s %s"),
)


@given(st.sampled_from(WORDS), st.sampled_from(FORMS), st.randoms(use_true_random=False))
def test_a_name_is_known_in_letters_of_any_case(word: str, form: str, random: Random) -> None:
    """A planted secret goes or stays with the name in small letters as with the same name in others."""
    others = {"s": "sS\u017f", "k": "kK\u212a", "i": "iI\u0130\u0131"}
    spelled = "".join(random.choice(others.get(sign.lower(), sign.lower() + sign.upper())) for sign in word)
    expected = SECRET in redact_text(form % (word, SECRET + "1"))
    if word not in ("bearer", "Basic"):
        assert (SECRET in redact_text(form % (spelled, SECRET + "1"))) is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "a"),
        ("X-Api-Key", "a"),
        ("accessToken", "a"),
        ("Set-Cookie", "a"),
        ("userPwd", "a"),
        ("sig", "a"),
        ("key", "AIzaSyD4Kp0a8Zx1"),
        ("session", "0a8Zx1AIzaSyD4Kp"),
        ("x", "eyJhbGciOiJI.eyJzdWIiOiJj.AbC"),
        ("source", "rtsp://gate:pass@host/x"),
        ("", "Bearer 0a8Zx1AIzaSy"),
    ],
)
def test_a_parameter_holds_a_secret_by_its_name_or_by_its_value(name: str, value: str) -> None:
    assert is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "name"), ("code", "DE"), ("state", "open"), ("spin", "a"), ("limit", "5"), ("", "plain")],
)
def test_a_usual_parameter_holds_none(name: str, value: str) -> None:
    assert not is_secret(name, value)


def test_a_list_under_a_secret_name_keeps_its_length_and_what_is_equal() -> None:
    kept = json.loads(REDACTOR.text(json.dumps({"api_keys": [SECRET, f'"]{SECRET}', SECRET, 7], "ok": [SECRET]})))
    assert SECRET not in str(kept["api_keys"])
    assert kept["api_keys"][0] == kept["api_keys"][2] != kept["api_keys"][1]
    assert (kept["api_keys"][3], kept["ok"]) == (7, [SECRET])


@pytest.mark.parametrize(
    "document",
    [
        {"tokens": {"access": SECRET, "ttl_s": 60}},
        {"credentials": [{"user": SECRET}, [SECRET, {"deep": {"er": SECRET}}]]},
        {"a": [{"Set-Cookie": {"sid": SECRET}}]},
    ],
)
def test_texts_in_a_document_under_a_secret_name_are_gone_and_the_rest_stays(document: dict[str, object]) -> None:
    text = json.dumps({**document, "ok": "plain"})
    kept = REDACTOR.text(text)
    assert SECRET not in kept
    assert re.findall(r'"[\w-]+"(?=: )', kept) == re.findall(r'"[\w-]+"(?=: )', text)
    assert json.loads(kept)["ok"] == "plain"
    assert json.loads(kept).get("tokens", {"ttl_s": 60})["ttl_s"] == 60
    assert REDACTOR.text(kept) == kept


def test_of_a_document_that_is_cut_off_no_text_survives() -> None:
    assert SECRET not in REDACTOR.text(f'{{"tokens": {{"access": "a", "other": "{SECRET}", "{SECRET}')


@pytest.mark.parametrize(
    "text",
    [
        f"<login><user>gate</user><password>{SECRET}</password></login>",
        f'<wsse:Password Type="text">{SECRET}</wsse:Password>',
        f"<api-key><![CDATA[a]{SECRET}]]></api-key>",
        f'{{"xml": "<password>{SECRET}<\\/password>"}}',
    ],
)
def test_a_secret_element_of_xml_is_gone_and_its_tags_stay(text: str) -> None:
    kept = REDACTOR.text(text)
    assert SECRET not in kept
    assert kept.count("<") == text.count("<")
    assert REDACTOR.text(kept) == kept
    assert REDACTOR.text("<passwordless>yes</passwordless><user>gate</user>").count("gate") == 1


@pytest.mark.parametrize("name", ["X-Auth-Key", "x-hub-secret", "Api_Key", "password", "SET-COOKIE", "session-id"])
def test_a_name_that_gives_itself_away_is_secret(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name(f"about {name}")


def test_a_parameter_of_a_secret_name_is_replaced_as_a_whole() -> None:
    kept = REDACTOR.named("access_token", f"two words & {SECRET}")
    assert SECRET not in kept
    assert "words" not in kept
    assert REDACTOR.named("access_token", kept) == kept
    assert REDACTOR.named("q", "two words") == "two words"
