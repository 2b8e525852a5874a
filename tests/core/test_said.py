"""A sentence is English text that still knows its words and its values."""

from __future__ import annotations

import copy
import pickle

import orjson
import pytest

from verification.core.said import Said, joined, say


def test_a_sentence_is_text_for_whoever_treats_it_as_text() -> None:
    said = say("{count} of {total:,} answers ({share:.1%})", count=3, total=1200, share=0.25)
    assert said == "3 of 1,200 answers (25.0%)"
    assert orjson.loads(orjson.dumps({"reason": said})) == {"reason": str(said)}
    assert (said.words, said.values["count"]) == ("{count} of {total:,} answers ({share:.1%})", 3)


def test_a_value_that_is_missing_is_refused() -> None:
    with pytest.raises(KeyError):
        say("{count} answers")


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda said: pickle.loads(pickle.dumps(said))])
def test_a_copy_knows_what_the_sentence_was_made_of(again: object) -> None:
    said = say("{what} is missing", what=say("{count} answers", count=2))
    assert callable(again)
    found = again(said)
    assert isinstance(found, Said)
    assert (found, found.words, found.values) == (said, said.words, said.values)


def test_parts_are_joined_as_text_is_and_each_is_still_known() -> None:
    parts = [say("{count} answers", count=2), "as {it} was"]
    both = joined("; ", parts)
    assert both == "; ".join(parts)
    assert list(both.values.values()) == parts
    assert joined("{}", ["a", "b"]) == "a{}b"
    assert joined(", ", []) == ""


def test_text_that_was_not_made_of_words_is_its_own_words() -> None:
    assert (Said("as it is").words, Said("as it is").values) == ("as it is", {})
