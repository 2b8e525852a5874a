from __future__ import annotations

import pytest

from loadtests.reply import Reply, server_time_ms, silence


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("work;dur=12.5", 12.5),
        ("cache;desc=hit, work;dur=3", 3.0),
        ('work;dur="7.5"', 7.5),
        ("12.5", 12.5),
        (None, None),
        ("", None),
        ("work", None),
        ("work;dur=soon", None),
        ("work;dur=nan", None),
        ("work;dur=inf", None),
        ("work;dur=0", None),
        ("work;dur=-4", None),
    ],
)
def test_the_servers_own_time_is_read_or_ignored_but_never_guessed(header: str | None, expected: float | None) -> None:
    assert server_time_ms(header) == expected


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (301, False), (404, False), (503, False), (0, False)]
)
def test_only_a_2xx_answer_is_good(status: int, ok: bool) -> None:  # the table's own column
    assert Reply(status, "", "legacy", None, None, timed_out=False, sent_at_s=1.0, done_at_s=1.1, length=0).ok is ok


def test_an_answer_that_broke_off_and_silence_are_not_good() -> None:
    cut = Reply(
        200, "", "legacy", None, "ConnectionResetError", timed_out=False, sent_at_s=1.0, done_at_s=1.1, length=0
    )
    assert not cut.ok
    assert not silence("no answer within 10 s", 1.0, 11.0, timed_out=True).ok
