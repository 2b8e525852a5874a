"""Onsets share alpha out however many blocks come."""

from __future__ import annotations

import pytest

from verification.core.onset import BLOCKS_PER_ONSET, Onset, onsets


@pytest.mark.parametrize("blocks", [0, 1, BLOCKS_PER_ONSET])
def test_the_first_block_is_always_an_onset_and_has_half_of_alpha(blocks: int) -> None:
    assert onsets(blocks) == [Onset(0, 0.5)]


def test_more_blocks_bring_onsets_and_take_nothing_from_those_before() -> None:
    few, many = onsets(2 * BLOCKS_PER_ONSET), onsets(10_000)
    assert [onset.block for onset in few] == [0, BLOCKS_PER_ONSET]
    assert many[: len(few)] == few
    assert 0.99 < sum(onset.share for onset in many) < 1
