"""What authenticates a request comes from outside the settings, reaches the target and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.core import redact
from verification.core.errors import SettingsError
from verification.settings import HANDED, handed_settings, load_settings
from verification.settings.authentication import authentication, url_credentials
from verification.settings.target import AuthenticationSettings


@pytest.fixture(autouse=True)
def _secrets_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold for the whole process."""
    monkeypatch.setattr(redact, "_also_secret", ())
    monkeypatch.setattr(redact, "_values", ())


@pytest.mark.parametrize("value", ["s3cr\u00e4t", "s3c\nret", "s3c\x7fret"])
def test_an_authentication_that_no_header_can_carry_is_refused_and_not_quoted(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_TOKEN", value)
    with pytest.raises(SettingsError, match=r"GATE_TOKEN.*printable ASCII") as refused:
        authentication(AuthenticationSettings(environment="GATE_TOKEN"))
    assert "s3c" not in str(refused.value)


def test_the_header_that_authenticates_is_secret_wherever_its_name_stands() -> None:
    load_settings(None, {"target": {"authentication": {"header": "X-Gate", "environment": "GATE_TOKEN"}}})
    assert redact.redact_text('{"you sent": {"x-gate": "s3cret"}}') == '{"you sent": {"x-gate": "[redacted]"}}'


def test_the_value_that_authenticates_is_secret_under_every_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that answers with what it was sent does not say so under the name of the header."""
    monkeypatch.setenv("GATE_TOKEN", 'k3y "x" of the gate')
    authentication(AuthenticationSettings(environment="GATE_TOKEN", prefix="Key "))
    echoed = """{"you": "Key k3y \\"x\\" of the gate"} k3y "x" of the gate k3y%20%22x%22%20of%20the%20gate"""
    assert redact.redact_text(echoed) == '{"you": "Key [redacted]"} [redacted] [redacted]'


def test_the_password_of_an_address_is_secret_without_the_address() -> None:
    url_credentials("http://gate:s%40cr%20et@127.0.0.1/")
    assert redact.redact_text("no user gate with s@cr et") == "no user gate with [redacted]"


def test_secret_names_hold_in_the_run_and_in_what_it_hands_its_settings_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text('[secrets]\nnames = ["x-mine"]\n', encoding="utf-8")
    settings = load_settings(file, {})
    assert redact.is_secret_name("X_Mine")
    monkeypatch.setattr(redact, "_also_secret", ())
    assert not redact.is_secret_name("X_Mine")
    monkeypatch.setenv(HANDED, settings.model_dump_json(exclude_unset=True))
    handed_settings()
    assert redact.is_secret_name("X_Mine")


def test_authentication_comes_from_environment_or_file_and_its_absence_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_TOKEN", " s3cret ")
    by_environment = AuthenticationSettings(environment="GATE_TOKEN", prefix="Bearer ")
    assert authentication(by_environment) == {"Authorization": "Bearer s3cret"}
    (tmp_path / "key").write_text("k3y\nignored\n")
    assert authentication(AuthenticationSettings(header="X-Key", file=tmp_path / "key")) == {"X-Key": "k3y"}
    assert authentication(None) == {}
    (tmp_path / "empty").write_text("")
    for broken in (
        AuthenticationSettings(environment="GATE_NONE"),
        AuthenticationSettings(file=tmp_path / "none"),
        AuthenticationSettings(file=tmp_path / "empty"),
    ):
        with pytest.raises(SettingsError, match=r"target\.authentication"):
            authentication(broken)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://gate:s%40cr@host/", "Basic Z2F0ZTpzQGNy"),
        ("http://gate@host", "Basic Z2F0ZTo="),
        ("http://:s@host", "Basic OnM="),
        ("http://host:80/a@b", None),
    ],
)
def test_user_and_password_of_a_url_are_one_header(url: str, said: str | None) -> None:
    assert url_credentials(url) == ({} if said is None else {"authorization": said})
