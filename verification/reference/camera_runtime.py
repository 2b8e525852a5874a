"""Cameras that run: a background task each, which writes the camera's log until it is stopped."""

from __future__ import annotations

import asyncio
import itertools
import sys
from dataclasses import dataclass

from verification.reference.camera_log import BURST_LINES, CameraLogs, frame_line

LINE_PERIOD_S = 5.0
FIRST_PID = 4001


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a camera. `pid` numbers the runs upwards, as an operating system would its processes."""

    pid: int
    command: tuple[str, ...]
    task: asyncio.Task[None]


class CameraRuntime:
    """Starts and stops runs. Its methods never wait, so what they do is one step for every other request."""

    def __init__(self, logs: CameraLogs) -> None:
        self.logs = logs
        self._runs: dict[str, Run] = {}
        self._pids = itertools.count(FIRST_PID)

    def start(self, camera_id: str, source: str) -> tuple[Run, bool]:
        """Start the camera; returns the run and whether it is a new one. A camera that runs already goes on."""
        running = self._runs.get(camera_id)
        if running is not None:
            return running, False
        log = self.logs.path(camera_id)
        command = (
            sys.executable,
            "-m",
            "video_analytics",
            "--camera",
            camera_id,
            "--source",
            source,
            "--log",
            str(log),
        )
        self.logs.rotate(camera_id)
        # The first lines are written before the answer: whoever asks for them next finds them, always as many.
        self.logs.append(camera_id, [frame_line(number) for number in range(1, BURST_LINES + 1)])
        run = Run(next(self._pids), command, asyncio.create_task(self._work(camera_id)))
        self._runs[camera_id] = run
        return run, True

    def stop(self, camera_id: str) -> bool:
        """Stop the camera; returns whether it was running."""
        run = self._runs.pop(camera_id, None)
        if run is None:
            return False
        run.task.cancel()
        self.logs.append(camera_id, ["INFO stopped"])
        return True

    def pid(self, camera_id: str) -> int:
        """The number of the camera's run, 0 when it does not run."""
        run = self._runs.get(camera_id)
        return run.pid if run else 0

    async def close(self) -> None:
        """Stop every camera and wait until their tasks have ended."""
        tasks = [run.task for run in self._runs.values()]
        for camera_id in list(self._runs):
            self.stop(camera_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, camera_id: str) -> None:
        for number in itertools.count(BURST_LINES + 1):
            await asyncio.sleep(LINE_PERIOD_S)
            self.logs.append(camera_id, [frame_line(number)])
