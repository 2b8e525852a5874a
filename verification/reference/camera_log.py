"""A camera's log file: where it lies, what a run writes into it, and what can be counted from it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FRAMES_A_LINE = 25
BURST_LINES = 6
ROTATE_BYTES = 32_768
_LONGEST_NAME = 200
_FRAME_LINE = re.compile(
    r"frame=(\d+) processed=(\d+) fps=([\d.]+) detection=([\d.]+) persons=(\d+) hairnets=(\d+) handwash=(\d+)$"
)


@dataclass(frozen=True, slots=True)
class FrameLine:
    """The measurements that one line of a log holds; `detection_s` in seconds."""

    frame: int
    processed: int
    fps: float
    detection_s: float
    persons: int
    hairnets: int
    handwash: int


def frame_line(number: int) -> str:
    """The `number`-th line (from 1) of a run. It depends on nothing else and bears no clock time, so that two cameras
    that did the same have the same log, and their logs can be compared without a mask."""
    frame = number * FRAMES_A_LINE
    fps, detection_s = 24.0 + number % 5 * 0.25, 0.028 + number % 4 * 0.002
    counts = f"persons={number % 3 + 1} hairnets={number % 3} handwash={number % 2}"
    seconds = frame / FRAMES_A_LINE
    measured = f"frame={frame} processed={frame - number} fps={fps} detection={detection_s:.3f}"
    return f"[{seconds:10.3f}] INFO {measured} {counts}"


class CameraLogs:
    """All logs in one folder, one file for each camera."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, camera_id: str) -> Path:
        """Where the camera's log lies. Whatever the id holds, the path stays inside the folder: separators are escaped,
        and an id too long for a file name ends in its hash."""
        name = quote(camera_id, safe="")
        if len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(camera_id.encode()).hexdigest()[:16]}"
        return self.folder / f"{name}.log"

    def append(self, camera_id: str, lines: list[str]) -> None:
        """Add lines at the end."""
        with self.path(camera_id).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def rotate(self, camera_id: str) -> None:
        """Put a log that has grown large aside, so that reading one stays cheap however often a camera is started."""
        path = self.path(camera_id)
        if path.exists() and path.stat().st_size > ROTATE_BYTES:
            path.replace(path.with_suffix(".log.1"))

    def remove(self, camera_id: str) -> None:
        """Delete the camera's log and what was put aside of it."""
        path = self.path(camera_id)
        for file in (path, path.with_suffix(".log.1")):
            file.unlink(missing_ok=True)

    def read(self, camera_id: str) -> list[str] | None:
        """Every line, or None where there is no file yet."""
        try:
            return self.path(camera_id).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return None

    def frames(self, camera_id: str) -> list[FrameLine]:
        """The measurements of every line that holds some."""
        return [_parse(match) for line in self.read(camera_id) or () if (match := _FRAME_LINE.search(line))]


def _parse(match: re.Match[str]) -> FrameLine:
    frame, processed, fps, detection_s, persons, hairnets, handwash = match.groups()
    return FrameLine(
        int(frame), int(processed), float(fps), float(detection_s), int(persons), int(hairnets), int(handwash)
    )
