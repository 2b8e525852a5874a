"""What only its owner knows for a secret is redacted wherever its name stands, whatever its value is."""

from __future__ import annotations

import json
import re
import time

import pytest

from verification.core import redact
from verification.core.redact import Redactor, also_secret, is_secret, is_secret_name, redact_text, secret_values

REDACTOR = Redactor(b"salt-of-this-run")
SECRET = "s3cr3t-canary"


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_also_secret", ())
    also_secret(["x-my-key", "pin"])
    also_secret(("pin", "a.b c"))


def test_names_add_up() -> None:
    assert all(map(is_secret_name, ("a.b c", "pin", "x-my-key")))
    assert is_secret("X_My_Key", "plain")
    assert not is_secret_name("a.b")


@pytest.mark.parametrize(
    "text",
    [
        f'{{"pin": "{SECRET}"}}',
        f'{{"X_My_Key": "{SECRET}"}}',
        f'{{"text": "{{\\"pin\\": \\"{SECRET}\\"}}"}}',
        f"{{'x-my-key': '{SECRET}'}}",
        f"?a=1&x_my_key={SECRET}&b=2",
        f"pin='{SECRET}'",
        f"X-My-Key: two words {SECRET}, more",
        f'{{"a.b c": "{SECRET}"}}',
        f'{{"pin": ["{SECRET}", {{"deep": "{SECRET}"}}]}}',
        f'{{"pin" : {{"deep": ["{SECRET}"]}}, "ok": true}}',
        f'{{"pin": {{"deep": "{SECRET}"',
        '{"pin": ' + "[" * 100_000 + f'"{SECRET}"',
    ],
)
def test_a_planted_secret_is_gone(text: str) -> None:
    assert SECRET not in REDACTOR.text(text)
    assert SECRET not in redact_text(text)
    assert REDACTOR.text(REDACTOR.text(text)) == REDACTOR.text(text)


@pytest.mark.parametrize("text", ['{"pin": 4711}', '{"pin":-4711.5e3}', r'{"text": "{\"pin\": 4711}"}'])
def test_a_number_is_gone_and_the_body_stays_json(text: str) -> None:
    assert "4711" not in REDACTOR.text(text)
    assert set(json.loads(REDACTOR.text(text))) == set(json.loads(text))


def test_another_type_of_the_same_digits_is_another_secret() -> None:
    stand_ins = {REDACTOR.text(f'{{"pin": {value}}}') for value in ("12", '"12"', "[12]", "13", "12")}
    assert len(stand_ins) == 4


def test_what_stands_beside_a_list_or_an_object_stays() -> None:
    body = {"a": [1, {"pin": {"b": [2]}, "c": 3}], "pin": [4], "d": "pin: none"}
    kept = json.loads(REDACTOR.text(json.dumps(body)))
    assert (kept["a"][0], kept["a"][1]["c"]) == (1, 3)
    assert kept["pin"].startswith("[redacted ")


def test_a_header_is_secret_by_that_name_and_others_are_not() -> None:
    assert is_secret_name("X_MY-KEY")
    assert not is_secret_name("my-pins")
    assert redact_text("pinned: yes, spin=2") == "pinned: yes, spin=2"


def test_a_value_is_secret_wherever_it_stands_and_keeps_its_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_values", ())
    secret_values(["canary-1", "canary-1 and more", "short"])
    hidden = Redactor(b"salt").text("a canary-1, canary-1 and more; short. canary-1")
    first, longer, last = re.findall(r"\[redacted [0-9a-f]{8}\]", hidden)
    assert first == last != longer
    assert hidden == f"a {first}, {longer}; short. {last}"


def test_a_value_that_is_a_word_hides_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes "password" for a password must not uncover those of others."""
    monkeypatch.setattr(redact, "_values", ())
    secret_values(["password"])
    assert "hunter2!" not in redact_text('{"password": "hunter2!"}')


def test_a_signed_token_is_secret_under_every_name_and_a_query_is_told_by_pairs() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c4n4rysig"  # planted
    assert redact_text(f'{{"access": "{token}"}}') == '{"access": "[redacted]"}'
    assert (
        redact_text('"query": [["api_key", "s3cr3t"], ["lines", "5"]]')
        == '"query": [["api_key", "[redacted]"], ["lines", "5"]]'
    )


@pytest.mark.parametrize(
    "text",
    [
        r'\\"token\\":\\"' + "\\" * 300_000 + "x",
        r'"authorization" ' + "\\" * 300_000 + "x",
        r'\\"x-my-key\\":\\"' + r"\\" * 150_000,
    ],
    ids=["deeper", "named number", "deeper and open"],
)
def test_backslashes_without_end_are_gone_through_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_also_secret", ("authorization", "x-my-key"))
    began = time.process_time()
    redact_text(text)
    whole = time.process_time() - began
    began = time.process_time()
    redact_text(text[: len(text) // 4])
    # Four times the text, not sixteen times the work; a little more for what is too short to be measured.
    assert whole < 10 * (time.process_time() - began) + 0.2


@pytest.mark.parametrize(
    "name", ["user[password]", "a[b][api_key]", "access_key", "auth-key", "private_key", "X-Private-Key"]
)
def test_names_of_forms_and_keys_are_known(name: str) -> None:
    assert is_secret_name(name)


def test_a_password_of_a_form_with_brackets_is_taken_out() -> None:
    for written in (
        "user[password]={}&x=1",
        "user%5Bpassword%5D={}&x=1",
        '{{"access_key": "{}"}}',
        '{{"private_key": "{}"}}',
    ):
        assert redact_text(written.format(SECRET)) == written.format("[redacted]")
    assert not is_secret_name("passes[count]")
