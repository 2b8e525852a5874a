from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.asking import Asker, converse
from verification.reference.flag import Flag, FlagError, FlagSettings, forced_choice, read_percent


@pytest.mark.parametrize(
    ("environment", "percent"),
    [
        ({}, 0),
        ({"USE_DOMAIN_SERVICE": "true"}, 100),
        ({"USE_DOMAIN_SERVICE": "True", "ROLLOUT_PERCENT": "25"}, 25),
        ({"USE_DOMAIN_SERVICE": "false", "ROLLOUT_PERCENT": "25"}, 0),
        ({"ROLLOUT_PERCENT": "25"}, 0),
    ],
)
def test_the_percent_counts_only_while_the_flag_is_on(environment: dict[str, str], percent: int) -> None:
    assert FlagSettings.read(environment).effective_percent == percent


@pytest.mark.parametrize(
    "text", ["", " 5", "5 ", "5.0", "+5", "-0", "101", "1000", "\u0661\u0660", "0x1", "five", "1_0"]
)
def test_a_percent_is_a_plain_whole_number_up_to_100(text: str) -> None:
    with pytest.raises(FlagError, match="0 to 100"):
        read_percent(text)


def test_a_switch_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(FlagError, match="USE_DOMAIN_SERVICE"):
        FlagSettings.read({"USE_DOMAIN_SERVICE": "1"})


@pytest.mark.parametrize(
    ("values", "choice"),
    [
        ([], None),
        (["true"], True),
        (["FALSE"], False),
        (["on"], True),
        (["0"], False),
        (["t"], True),
        (["no"], False),
        (["true", "false"], False),
        ([""], None),
        (["perhaps"], None),
    ],
)
def test_force_domain_is_read_as_fastapi_reads_a_boolean(values: list[str], choice: bool | None) -> None:
    assert forced_choice(values) is choice


@pytest.mark.parametrize("percent", [0, 1, 10, 50, 99, 100])
def test_the_draw_fits_the_percent(percent: int) -> None:
    flag = Flag(FlagSettings(on=True, percent=percent), seed=11)
    drawn = sum(flag.wants_domain(None) for _ in range(20_000))
    # Five standard deviations; none at 0 and 100, where the share is exact.
    allowed = 5 * (20_000 * percent / 100 * (1 - percent / 100)) ** 0.5
    assert abs(drawn - 200 * percent) <= allowed


@pytest.mark.parametrize("percent", [0, 100])
def test_forcing_wins_over_any_percent_and_a_broken_boolean_is_422(tmp_path: Path, percent: int) -> None:
    async def talk(asker: Asker) -> None:
        for arm in ("legacy", "domain"):
            for method, path in (("GET", "/cameras"), ("POST", "/cameras/refresh"), ("GET", "/cameras/x/status")):
                assert (await asker.ask(method, path, arm)).headers["x-served-by"] == arm
        natural = "domain" if percent else "legacy"
        assert (await asker.ask("GET", "/cameras")).headers["x-served-by"] == natural
        for value in ("", "perhaps", "2"):
            broken = await asker.ask("GET", f"/cameras?force_domain={value}")
            assert (broken.status_code, broken.headers["x-served-by"]) == (422, natural)

    converse(tmp_path, talk, percent=percent)
