"""Starts both sides of an example on this machine: `python examples/serve.py datasette`.

Each release gets a virtual environment of its own, made once below `.tox/examples/`. Both servers listen on 127.0.0.1,
at the ports that the example's rollout.toml names, and end with Ctrl-C. Their state is thrown away then.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

HERE = Path(__file__).resolve().parent
BROKEN, MISUSED, OFFLINE = 1, 2, 3
"""Exit codes: a server did not come up; called wrongly; the package registry cannot be reached."""
_INSTALL_TIMEOUT_S, _READY_TIMEOUT_S, _END_TIMEOUT_S = 600.0, 60.0, 10.0
_NO_REGISTRY = "connection broken by"
"""What pip says of a registry that it cannot reach, beside that no version was found."""


class Failure(Exception):
    """Something that a person can mend; `code` is the exit code."""

    def __init__(self, text: str, code: int = BROKEN) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Service:
    """How one release is started. In the texts `{bin}`, `{state}`, `{example}` and `{port}` are filled in."""

    command: tuple[str, ...]
    ready: str
    """A path that answers 200 once the server is up."""
    environment: dict[str, str]
    prepare: Callable[[Path, Path], None]
    """Called with the example's folder and an empty one for the state, which the server runs in."""


def _make_database(example: Path, state: Path) -> None:
    with closing(sqlite3.connect(state / "demo.db")) as database:
        database.executescript((example / "demo.sql").read_text(encoding="utf-8"))
        database.commit()


def _make_root(_example: Path, state: Path) -> None:
    (state / "root").mkdir()


SERVICES = {
    "datasette": Service(
        ("{bin}/datasette", "demo.db", "--metadata", "{example}/metadata.json", "--host", "127.0.0.1",
         "--port", "{port}"),
        "/-/versions.json",
        {},
        _make_database,
    ),
    # No token, so everybody on this machine may ask; without terminals and kernels there is nothing to run code with.
    "jupyter-server": Service(
        ("{bin}/jupyter-server", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}",
         "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True",
         "--ServerApp.open_browser=False", "--ServerApp.terminals_enabled=False", "--ServerApp.root_dir={state}/root",
         "--KernelSpecManager.allowed_kernelspecs=none", "--FileContentsManager.delete_to_trash=False",
         "--FileContentsManager.always_delete_dir=True"),
        "/api",
        {
            "HOME": "{state}",
            "JUPYTER_CONFIG_DIR": "{state}/config",
            "JUPYTER_DATA_DIR": "{state}/data",
            "JUPYTER_RUNTIME_DIR": "{state}/runtime",
            "JUPYTER_NO_CONFIG": "1",
            "TMPDIR": "{state}",  # where Jupyter puts the empty folder that it reads instead of a configuration
        },
        _make_root,
    ),
}  # fmt: skip


def install(requirements: Path, keep: Path) -> Path:
    """The folder of commands of an environment with these packages; made only where there is none yet."""
    if not requirements.is_file():
        raise Failure(f"{requirements}: there is no such release of this example", MISUSED)
    content = requirements.read_bytes() + f"{sys.version_info[:2]} {sys.prefix}".encode()
    name = f"{requirements.parent.name}-{requirements.stem}-{hashlib.sha256(content).hexdigest()[:12]}"
    home = keep / name
    if not (home / "complete").is_file():
        shutil.rmtree(home, ignore_errors=True)
        print(f"installing {requirements.relative_to(HERE)} into {home}", flush=True)
        venv.create(home, with_pip=True)
        _pip_install(home, requirements)
        (home / "complete").touch()
    return home / "bin"


def _pip_install(home: Path, requirements: Path) -> None:
    # Wheels only: no code of a package runs while it is installed. Two retries, or pip does not say what was broken.
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2",
               "--only-binary", ":all:", "--requirement", str(requirements)]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"pip took longer than {_INSTALL_TIMEOUT_S:g} s for {requirements}", OFFLINE) from error
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        if _NO_REGISTRY in done.stderr:
            raise Failure(f"the package registry cannot be reached: {said}", OFFLINE)
        raise Failure(f"pip cannot install {requirements}: {said}")


@contextmanager
def running(service: Service, example: Path, commands: Path, port: int) -> Iterator[None]:
    """One server on that port, ready to be asked; ended and its state removed afterwards."""
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{example.name}-")))
        service.prepare(example, state)
        places = {"bin": str(commands), "state": str(state), "example": str(example), "port": str(port)}
        log = stack.enter_context((state / "server.log").open("w+", encoding="utf-8"))
        server = subprocess.Popen(
            [word.format_map(places) for word in service.command],
            cwd=state,
            env={**os.environ, **{name: value.format_map(places) for name, value in service.environment.items()}},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(_end, server)
        _wait_until_ready(server, f"http://127.0.0.1:{port}{service.ready}", state / "server.log")
        yield


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    # A proxy from the environment would answer for a server that is not up yet.
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with opener.open(url, timeout=2):
                break
        except (HTTPError, URLError, OSError):
            time.sleep(0.1)
    else:
        said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        reason = "did not answer" if server.poll() is None else f"ended with {server.returncode}"
        raise Failure(f"{url}: the server {reason}. Is the port free? It said:\n{said}")


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def ports(settings: Path) -> tuple[int, int]:
    """The ports of control and candidate that the settings name."""
    try:
        target = tomllib.loads(settings.read_text(encoding="utf-8"))["target"]
        found = [urlsplit(target[name]).port for name in ("control_url", "candidate_url")]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise Failure(
            f"{settings}: it names no target.control_url and target.candidate_url: {error}", MISUSED
        ) from None
    control, candidate = found
    if control is None or candidate is None or control == candidate:
        raise Failure(f"{settings}: control_url and candidate_url need a port each, and not the same", MISUSED)
    return control, candidate


def serve(name: str, settings: Path, keep: Path, control: str) -> NoReturn:
    """Serve two releases until the process is told to end; `control` is the word in its requirements file's name."""
    service, example = SERVICES[name], HERE / name
    at = dict(zip(("control", "candidate"), ports(settings), strict=True))
    homes = [install(example / f"requirements-{release}.txt", keep) for release in (control, "candidate")]
    with ExitStack() as stack:
        for home, port in zip(homes, at.values(), strict=True):
            stack.enter_context(running(service, example, home, port))
        print(f"ready: {', '.join(f'{side} http://127.0.0.1:{port}' for side, port in at.items())}", flush=True)
        while True:
            signal.pause()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one example; the exit code says what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", choices=sorted(SERVICES))
    parser.add_argument("--settings", type=Path, metavar="FILE", help="another rollout.toml than the example's own")
    parser.add_argument("--keep", type=Path, metavar="DIR", default=HERE.parent / ".tox" / "examples",
                        help="where the environments are kept")  # fmt: skip
    parser.add_argument("--older", action="store_true", help="as control the release of requirements-older.txt")
    options = parser.parse_args(arguments)
    settings = options.settings or HERE / options.service / "rollout.toml"
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        serve(options.service, settings, options.keep.resolve(), "older" if options.older else "control")
    except Failure as error:
        print(f"serve: {error}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    sys.exit(main())
