"""A real PostgreSQL server for the tests, from the system's own package, as an unprivileged user and for itself."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import URL

START_S, STOP_S = 60.0, 20.0
_DATABASE = "gate"
_PLACES = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")


class NoServer(Exception):
    """There is no PostgreSQL to be had here; the text says why and what would help."""


def binaries() -> Path:
    """The folder of `initdb` and `postgres`, the newest there is. Raises NoServer."""
    found = [path.parent for place in _PLACES for path in Path(place).glob("*/bin/initdb")]
    found += [Path(path).parent for path in [shutil.which("initdb")] if path]
    usable = [folder for folder in found if (folder / "postgres").is_file()]
    if not usable:
        raise NoServer(
            "no PostgreSQL server is installed (Debian: apt-get install postgresql) and DATABASE_URL is unset"
        )
    return max(usable, key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()])


def _account() -> pwd.struct_passwd:
    """Who the server runs as: whoever runs the tests, never root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoServer("PostgreSQL must not run as root, and there is neither a user postgres nor nobody to run it as")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def started() -> Iterator[URL]:
    """A server on 127.0.0.1 whose only database is reached by password; gone with all its data at the end.

    It lives in a time zone of its own, because nothing that the backend answers may depend on one.
    """
    tools, account = binaries(), _account()
    # Not below pytest's folders: those are closed to everybody but who runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="gate-postgresql-"))
    try:
        url = URL.create(
            "postgresql+psycopg", account.pw_name, secrets.token_hex(16), "127.0.0.1", _free_port(), _DATABASE
        )
        _prepare(tools, folder, account, url)
        with _running(tools, folder, account, url):
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(account: pwd.struct_passwd) -> dict[str, Any]:
    """Arguments that start a process as that account; nothing changes for whoever is no root."""
    if os.geteuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _prepare(tools: Path, folder: Path, account: pwd.struct_passwd, url: URL) -> None:
    password = folder / "password"
    password.write_text(str(url.password), encoding="ascii")
    for path in (folder, password):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if os.geteuid() == 0:
            os.chown(path, account.pw_uid, account.pw_gid)
    command = [str(tools / "initdb"), "-D", str(folder / "data"), "-U", str(url.username), "--pwfile", str(password)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=START_S, check=False, cwd=folder, **_as(account)
    )
    if done.returncode != 0:
        raise NoServer(f"initdb failed: {done.stderr.strip()[-400:]}")


@contextlib.contextmanager
def _running(tools: Path, folder: Path, account: pwd.struct_passwd, url: URL) -> Iterator[None]:
    wanted = {
        "listen_addresses": "127.0.0.1",
        "port": url.port,
        "unix_socket_directories": "",
        "fsync": "off",
        "timezone": "Asia/Kathmandu",
        "shared_buffers": "16MB",
        "max_connections": "30",
    }
    command = [str(tools / "postgres"), "-D", str(folder / "data")]
    command += [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, **_as(account))
    try:
        _await(process, url, log)
        yield
    finally:
        # Its own "fast" way of ending: sessions are cut off, the data is left in order.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)


def _await(process: subprocess.Popen[bytes], url: URL, log: Path) -> None:
    """Make the database as soon as the server takes connections."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with psycopg.connect(plain(url.set(database="postgres")), autocommit=True, connect_timeout=5) as connection:
                connection.execute(f"CREATE DATABASE {_DATABASE}")
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"the server did not start: {error}; {log.read_text()[-400:]}") from error
        time.sleep(0.1)


def plain(url: URL) -> str:
    """The URL as psycopg itself reads it, password and all."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
