"""Content encodings undone within a bound: however small an answer was packed, no more of it than that is kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

ACCEPTED = "gzip, deflate"
"""What a request may ask for: the encodings that can be undone here, whatever else happens to be installed."""
MOST_LAYERS = 4
"""An answer may be packed more than once; each layer multiplies what a few bytes may grow to."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unreadable(ValueError):
    """The body cannot be unpacked, or is larger than allowed; the text says which."""


class Unpacking:
    """Undoes the encodings of one answer, chunk by chunk, and raises Unreadable before it grows beyond `most_bytes`.

    `encodings` are the values of its Content-Encoding headers. One that is not known here leaves the body packed: it
    is compared as it came.
    """

    def __init__(self, encodings: Iterable[str], most_bytes: int) -> None:
        names = [name.strip().lower() for value in encodings for name in value.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        known = all(name in ("gzip", "x-gzip", "deflate") for name in names)
        if known and len(names) > MOST_LAYERS:
            raise Unreadable(f"the answer is packed {len(names)} times; {MOST_LAYERS} are allowed")
        # What was applied last is undone first.
        self._layers = [_Layer(name, most_bytes) for name in reversed(names)] if known else []
        self._left = self._most = most_bytes

    def feed(self, data: bytes) -> bytes:
        """What the next bytes of the answer unpack to; may be empty."""
        for layer in self._layers:
            data = layer.feed(data)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._most)
        return data

    def finish(self) -> None:
        """The answer is over: Unreadable where a layer of it is not."""
        for layer in self._layers:
            layer.finish()


class _Layer:
    """One encoding. It produces nothing beyond its bound, so that layers cannot multiply each other."""

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name, self._left, self._most = name, most_bytes, most_bytes
        self._begun = False
        self._head = b""
        self._inner = zlib.decompressobj(_GZIP) if name != "deflate" else None

    def feed(self, data: bytes) -> bytes:
        self._begun = self._begun or bool(data)
        if self._inner is None:
            # Two bytes tell whether there is a zlib wrapper, which the standard asks for and many servers leave out.
            self._head += data
            if len(self._head) < 2:
                return b""
            wrapped = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2]) % 31 == 0
            self._inner, data = zlib.decompressobj(_ZLIB if wrapped else _RAW), self._head
        out = bytearray()
        while data:
            if self._inner.eof:
                if self._name == "deflate":
                    raise Unreadable("bytes follow the end of the deflate body")
                self._inner = zlib.decompressobj(_GZIP)  # a gzip body may be several, one after the other
            try:
                piece = self._inner.decompress(data, self._left + 1)
            except zlib.error as error:
                raise Unreadable(f"the {self._name} body cannot be unpacked: {error}") from error
            out += piece
            self._left -= len(piece)
            if self._left < 0:
                raise _too_large(self._most)
            data = self._inner.unused_data
        return bytes(out)

    def finish(self) -> None:
        # No body at all is no broken one: an answer without content may still name an encoding.
        if self._begun and (self._inner is None or not self._inner.eof):
            raise Unreadable(f"the {self._name} body ends before its end")


def _too_large(most_bytes: int) -> Unreadable:
    return Unreadable(f"the answer is larger than {most_bytes} bytes")
