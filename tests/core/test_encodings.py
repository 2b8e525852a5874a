"""What was packed is unpacked whole, or not at all; nothing that is packed grows beyond its bound."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.core.encodings import MOST_LAYERS, Unpacking, Unreadable

TEXT = b'{"ok": true, "text": "' + bytes(range(32, 127)) * 20 + b'"}'


def deflated(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


def unpacked(encodings: Sequence[str], data: bytes, most: int = 10_000, step: int = 7) -> bytes:
    unpacking = Unpacking(encodings, most)
    found = b"".join(unpacking.feed(data[start : start + step]) for start in range(0, len(data), step))
    unpacking.finish()
    return found


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("encodings", "packed"),
    [
        ([], TEXT),
        (["identity"], TEXT),
        ([""], TEXT),
        (["gzip"], gzip.compress(TEXT)),
        (["X-GZip"], gzip.compress(TEXT)),
        (["gzip"], gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:])),
        (["deflate"], deflated(TEXT, 15)),
        (["deflate"], deflated(TEXT, -15)),
        (["deflate, gzip"], gzip.compress(deflated(TEXT, 15))),
        (["deflate", "identity, gzip"], gzip.compress(deflated(TEXT, 15))),
        (["br"], TEXT),
        (["gzip, br"], TEXT),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_a_body_is_unpacked_whole_and_an_unknown_encoding_left_as_it_came(
    encodings: list[str], packed: bytes, step: int
) -> None:
    assert unpacked(encodings, packed, step=step) == TEXT


@given(st.binary(max_size=300), st.lists(st.sampled_from(["gzip", "deflate"]), max_size=MOST_LAYERS))
def test_any_body_comes_out_of_any_layers(body: bytes, layers: list[str]) -> None:
    packed = body
    for layer in layers:
        packed = gzip.compress(packed) if layer == "gzip" else deflated(packed, 15)
    assert unpacked([", ".join(layers)], packed) == body


def test_an_answer_without_a_body_may_name_an_encoding() -> None:
    assert unpacked(["gzip, deflate"], b"") == b""


@pytest.mark.parametrize("encodings", [[], ["gzip"], ["deflate"]])
def test_the_bound_is_that_of_the_unpacked_body(encodings: list[str]) -> None:
    packed = {"": TEXT, "gzip": gzip.compress(TEXT), "deflate": deflated(TEXT, -15)}["".join(encodings)]
    assert unpacked(encodings, packed, most=len(TEXT)) == TEXT
    with pytest.raises(Unreadable, match=f"larger than {len(TEXT) - 1} bytes"):
        unpacked(encodings, packed, most=len(TEXT) - 1)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_is_stopped_before_it_goes_off(layers: int) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="larger than 100000 bytes"):
            unpacked(["gzip"] * layers, bomb, most=100_000, step=65_536)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("encoding", "packed", "said"),
    [
        ("gzip", TEXT, "cannot be unpacked"),
        ("deflate", b"\xff\xff\xff", "cannot be unpacked"),
        ("gzip", gzip.compress(TEXT)[:-1], "ends before its end"),
        ("gzip", gzip.compress(TEXT)[:3], "ends before its end"),
        ("deflate", b"x", "ends before its end"),
        ("gzip", gzip.compress(TEXT) + b"more", "cannot be unpacked"),
        ("deflate", deflated(TEXT, 15) + b"more", "bytes follow the end"),
        (", ".join(["gzip"] * (MOST_LAYERS + 1)), b"", f"packed {MOST_LAYERS + 1} times"),
    ],
)
def test_what_cannot_be_unpacked_is_told(encoding: str, packed: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        unpacked([encoding], packed)
