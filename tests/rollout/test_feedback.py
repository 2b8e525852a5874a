"""What users say: taken in from where it is, never twice, and out of the way only with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rollout.calendar import Calendar
from verification.core.errors import UsageError
from verification.rollout.feedback import Word, add, read_words, resolve
from verification.rollout.ledger import Ledger

SAID = Word(severity="serious", text="the page stays white", source="support", endpoint="GET /cameras/{id}/stats")


def test_the_same_words_are_taken_in_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "release.sqlite") as ledger:
        clock = Calendar()
        first = add(ledger, clock, [SAID, SAID])
        assert [event.text for event in first] == ["the page stays white"]
        assert add(ledger, clock, [SAID]) == []
        assert len(ledger.standing().open_feedback) == 1


def test_it_is_resolved_with_a_reason_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "release.sqlite") as ledger:
        clock = Calendar()
        (event,) = add(ledger, clock, [SAID])
        with pytest.raises(UsageError, match="say why"):
            resolve(ledger, clock, event.id, reason="  ", who="maria")
        with pytest.raises(UsageError, match=f"feedback 0815 is not open; open are: {event.id}"):
            resolve(ledger, clock, "0815", reason="it was my own proxy", who="maria")
        resolve(ledger, clock, event.id, reason="it was my own proxy", who="maria")
        assert ledger.standing().open_feedback == ()
        with pytest.raises(UsageError, match="is not open; open are: none"):
            resolve(ledger, clock, event.id, reason="once more", who="maria")


def test_csv_and_json_hold_the_same(tmp_path: Path) -> None:
    rows = [
        {
            "severity": "serious",
            "text": 'says "no",\nand stops',
            "source": "desk",
            "endpoint": "GET /x",
            "id": "T-1",
        },
        {"severity": "minor", "text": "slower?", "source": "Jürgen"},
    ]
    (tmp_path / "words.json").write_text(json.dumps(rows))
    (tmp_path / "words.csv").write_text(
        "\ufeffseverity,text,source,endpoint,id\n"
        'serious,"says ""no"",\nand stops",desk,GET /x,T-1\nminor,slower?,Jürgen,,\n',
        encoding="utf-8",
    )
    assert read_words(tmp_path / "words.csv") == read_words(tmp_path / "words.json")
    assert read_words(tmp_path / "words.csv")[0].event.id == "T-1"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{", "is no JSON"),
        ("a.json", b"[" * 100_000, "is no JSON"),
        ("a.json", b'{"severity": "minor"}', "holds no list"),
        ("a.json", b"[3]", "entry 1: the entry"),
        ("a.json", b'[{"severity": "grave", "text": "abc", "source": "x"}]', "entry 1: severity"),
        ("a.json", b'[{"severity": "minor", "text": "ab", "source": "x"}]', "entry 1: text"),
        ("a.json", b'[{"severity": "minor", "text": "abc", "source": "x", "user": 1}]', "entry 1: user"),
        ("a.csv", b"severity,text,source\nminor,abc\n", "entry 2: source"),
        ("a.csv", b"severity,text,source\nminor,abc,x,y,z\n", "entry 2"),
        ("a.csv", b"severity,text,source\nminor,\xff\xfe,x\n", "is no text in UTF-8"),
        ("a.csv", b'severity,text,source\nminor,"abc,x\n', "is no CSV"),
        ("a.csv", b"x" * 5_000_001, "at most 5000000 are read"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        read_words(tmp_path / name)
    assert name in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv: cannot be read"):
        read_words(tmp_path / "nowhere.csv")


def test_a_word_that_became_serious_is_taken_in_under_the_same_id(tmp_path: Path) -> None:
    with Ledger(tmp_path / "release.sqlite") as ledger:
        clock = Calendar()
        first = Word(severity="minor", text="a little slow", source="support", id="T-1")
        add(ledger, clock, [first])
        add(ledger, clock, [first.model_copy(update={"severity": "serious"})])
        assert [one.added.severity for one in ledger.standing().open_feedback] == ["minor", "serious"]
