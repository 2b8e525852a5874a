"""The cameras' YAML file: read, change, write back atomically. Both implementations keep their cameras in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import yaml

Record = dict[str, Any]
Document = dict[str, Any]
Signature = tuple[int, int, int]

SAMPLE = """\
# Cameras of the reference backend. Fields that the backend does not know are kept.
site: north kitchen
cameras:
- id: sample-entrance
  name: Entrance
  source: rtsp://127.0.0.1/entrance
  active: true
  auto_start: true
  fps: 25
  location: ground floor
  mounted_by: Jo
- id: sample-kitchen
  name: Kitchen
  source: rtsp://127.0.0.1/kitchen
  active: true
  auto_start: false
  imgsz: 640
  env:
    MODEL: small
- id: sample-store
  name: Store room
  source: rtsp://127.0.0.1/store
  active: false
"""


class CameraFileError(Exception):
    """The file cannot be used as a list of cameras; the text says where, and what would be valid."""


class _Loader(yaml.CSafeLoader):
    """The safe C loader without timestamps: `2024-05-01` stays the text that a person wrote, and JSON can hold it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.CSafeDumper):
    """The safe C dumper; a value that stands twice is written twice instead of by reference."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


class CameraFile:
    """One YAML file with a list `cameras`, and the lock that every change holds from reading to writing back.

    The parsed document is kept and used again while the file's modification time, size and inode stay the same, so an
    edit by hand is seen at the next read. Both implementations read through here, so neither is faster for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = asyncio.Lock()
        self._cached: tuple[Signature, Document] | None = None
        self._fragments: dict[str, str] = {}
        if not path.exists():
            path.write_text(SAMPLE, encoding="utf-8")

    def load(self) -> Document:
        """The document, free for the caller to change down to the fields of a camera (values are to be replaced, not
        changed in place). Raises CameraFileError."""
        signature = self._signature()
        if self._cached is None or self._cached[0] != signature:
            self._cached = (signature, self._parse())
        return _copy(self._cached[1])

    def records(self) -> list[Record]:
        """Every camera in the order of the file."""
        cameras: list[Record] = self.load()["cameras"]
        return cameras

    def save(self, document: Document) -> None:
        """Replace the file as a whole: a reader sees the old document or the new one, never a part.

        There is no fsync: it guards against power loss, which an embedded backend need not survive, and its
        duration would be the machine's disk in every measured latency.
        """
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(self._render(document), encoding="utf-8")
        temporary.replace(self.path)
        self._cached = (self._signature(), _copy(document))

    def _signature(self) -> Signature:
        status = self.path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _parse(self) -> Document:
        try:
            document = yaml.load(self.path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CameraFileError(f"{self.path} is not valid YAML: {' '.join(str(error).split())}") from error
        document = {"cameras": []} if document is None else document
        if not isinstance(document, dict):
            raise CameraFileError(f"{self.path} must be a mapping with the key 'cameras', not {_kind(document)}")
        document["cameras"] = document.get("cameras") or []
        if not isinstance(document["cameras"], list):
            raise CameraFileError(f"{self.path}: 'cameras' must be a list, not {_kind(document['cameras'])}")
        for index, record in enumerate(document["cameras"]):
            if not (isinstance(record, dict) and isinstance(record.get("id"), str) and record["id"]):
                raise CameraFileError(f"{self.path}: cameras[{index}] must be a mapping with a text 'id'")
        return document

    def _render(self, document: Document) -> str:
        """The document as YAML. Each camera's text is kept, so that a change of one renders one, not sixty."""
        head = {key: value for key, value in document.items() if key != "cameras"}
        if not document["cameras"]:
            return _dump({**head, "cameras": []})
        fragments = {}
        for record in document["cameras"]:
            key = repr(record)
            fragments[key] = self._fragments.get(key) or _dump([record])
        self._fragments = fragments
        body = "".join(fragments[repr(record)] for record in document["cameras"])
        return f"{_dump(head) if head else ''}cameras:\n{body}"


def find(document: Document, camera_id: str) -> Record | None:
    """The camera of that id in the document, or None."""
    return next((record for record in document["cameras"] if record["id"] == camera_id), None)


def _copy(document: Document) -> Document:
    return {**document, "cameras": [dict(record) for record in document["cameras"]]}


def _dump(value: object) -> str:
    # A wide line keeps long texts in one piece, which is also how people expect to find them.
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000_000)
    return text


def _kind(value: object) -> str:
    return type(value).__name__
