"""A backend of a few lines for the load tests, in a process of its own: answers every route, names who served.

Prints its port. `--delay-ms` waits before each answer; `--freeze-every-s` and `--freeze-s` stop the whole process from
time to time; `--slow-candidate` times candidate's wait; `--break-candidate` closes the connection instead of answering
a candidate's GET; `--log` names a file that lists the cameras that are left; `--answered` one to which the moment of
every answer is written, on the monotonic clock that all processes of a machine share; `--bind` is the address to listen
on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

STARTED = time.monotonic()


class Backend:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.created = 0
        self.cameras: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, _, fields = head.decode("latin-1").partition("\r\n")
                length = next(
                    (
                        int(field.split(":")[1])
                        for field in fields.split("\r\n")
                        if field.lower().startswith("content-length")
                    ),
                    0,
                )
                body = await reader.readexactly(length) if length else b""
                method, path, _ = line.split(" ")
                candidate = "force_domain=true" in path
                if self.options.break_candidate and candidate and method == "GET":
                    return
                await asyncio.sleep(self.options.delay_ms / 1000 * (self.options.slow_candidate if candidate else 1))
                writer.write(self.answer(method, path, body, "domain" if candidate else "legacy"))
                await writer.drain()
                if self.options.answered:
                    with Path(self.options.answered).open("a") as file:
                        file.write(f"{time.perf_counter():.6f}\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def answer(self, method: str, path: str, body: bytes, served_by: str) -> bytes:
        route = path.partition("?")[0]
        self.note(method, route, body)
        self.created += 1
        made = {"by": {"legacy": "v1", "domain": "v2"}[served_by]}
        nothing: dict[str, list[str]] = {"cameras": [], "items": []}  # whatever is read, nobody has anything here
        text = json.dumps({"ok": True, "id": self.created, "running": True, "made": made, **nothing}).encode()
        return (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
            f"X-Served-By: {served_by}\r\nServer-Timing: work;dur={self.options.delay_ms or 0.5}\r\n\r\n"
        ).encode() + text

    def note(self, method: str, route: str, body: bytes) -> None:
        tail = route.rstrip("/").rsplit("/", 1)[-1]
        if method == "POST" and tail == "cameras":
            self.cameras.add(json.loads(body)["id"])
        if method == "DELETE":
            self.cameras.discard(tail)
        if self.options.log and method in {"POST", "DELETE"}:
            Path(self.options.log).write_text(json.dumps({"left": sorted(self.cameras), "answered": self.created}))

    async def freeze(self) -> None:
        while True:
            await asyncio.sleep(self.options.freeze_every_s)
            time.sleep(self.options.freeze_s)  # the whole process must stand still


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=float, default=5.0)
    parser.add_argument("--freeze-every-s", type=float, default=0.0)
    parser.add_argument("--freeze-s", type=float, default=0.0)
    parser.add_argument("--slow-candidate", type=float, default=1.0)
    parser.add_argument("--break-candidate", action="store_true")
    parser.add_argument("--log")
    parser.add_argument("--answered")
    parser.add_argument("--bind", default="127.0.0.1")
    options = parser.parse_args()
    backend = Backend(options)
    server = await asyncio.start_server(backend.serve, options.bind, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    tasks = [asyncio.create_task(server.serve_forever())]
    if options.freeze_every_s:
        tasks.append(asyncio.create_task(backend.freeze()))
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
