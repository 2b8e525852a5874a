"""The command line of the reference backend."""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from verification.reference.backend import build_backend, default_database
from verification.reference.camera_file import CameraFileError
from verification.reference.database_url import DatabaseError, describe, explain, read_url
from verification.reference.defects import DEFECTS
from verification.reference.defects.registry import Defect
from verification.reference.flag import FlagError, FlagSettings, read_percent
from verification.reference.server import bind, serve
from verification.reference.shape import DEFAULT_SHAPE, SHAPES

EXIT_MISUSED = 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_MISUSED, f"{self.prog}: {' '.join(message.split())} (--help lists the options)\n")


class Misuse(Exception):
    """The backend cannot start like this; the text is one line for a person."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the backend as the options say; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.list_defects:
        print(json.dumps([defect.describe() for defect in DEFECTS.values()], indent=2) if options.json else _table())
        return 0
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        _start(options)
    except (Misuse, FlagError, CameraFileError, DatabaseError) as error:
        print(f"{options.prog}: {error}", file=sys.stderr)
        return EXIT_MISUSED
    return 0


def _start(options: argparse.Namespace) -> None:
    chosen = _chosen(options.defect)
    settings = _settings(options.percent, chosen)
    database = _database(options.database_url)
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    try:
        listener = bind(options.host, options.port)
    except (OSError, OverflowError) as error:
        raise Misuse(f"cannot listen on {options.host}:{options.port}: {error}") from error
    with listener, tempfile.TemporaryDirectory(prefix="reference-backend-") as scratch:
        # As it was given: a relative folder stands so in answers, and two backends may look alike from outside.
        state_dir = Path(options.state_dir or scratch)
        try:
            settings = _override(settings, state_dir, chosen)
            backend = build_backend(
                state_dir,
                settings,
                seed=seed,
                device_scale=options.device_scale,
                database=database,
                installs=[*(defect.install for defect in chosen), *SHAPES[options.shape].installs],
            )
        except OSError as error:
            raise Misuse(f"the state in {state_dir} cannot be used: {' '.join(str(error).split())}") from error
        except (SQLAlchemyError, DatabaseError) as error:
            used = database or default_database(state_dir)
            raise Misuse(f"{describe(used)} cannot be used: {explain(error, used)}") from error
        logging.getLogger("reference").info(
            "percent %d, seed %d, state in %s, %s, shape %s, defects: %s",
            settings.effective_percent,
            seed,
            state_dir,
            describe(database or default_database(state_dir)),
            options.shape,
            ", ".join(defect.name for defect in chosen) or "none",
        )
        serve(backend, listener, exit_with_stdin=options.exit_with_stdin)


def _chosen(names: list[str]) -> list[Defect]:
    for name in names:
        if name != "none" and name not in DEFECTS:
            raise Misuse(f"there is no seeded defect {name!r}; --list-defects names them all")
    return [DEFECTS[name] for name in names if name != "none"]


def _settings(percent: str | None, chosen: list[Defect]) -> FlagSettings:
    """The flag from the environment; `--percent` stands for setting both variables."""
    reader = next((defect.read_percent for defect in chosen if defect.read_percent), read_percent)
    environment = dict(os.environ)
    if percent is not None:
        environment["ROLLOUT_PERCENT"] = percent
        environment["USE_DOMAIN_SERVICE"] = "false" if reader(percent) == 0 else "true"
    return FlagSettings.read(environment, reader)


def _database(option: str | None) -> URL | None:
    """The database from the command line or the environment; None for SQLite beside the rest of the state."""
    if option is not None:
        return read_url(option, "--database-url", may_hold_password=False)
    variable = os.environ.get("DATABASE_URL")
    return read_url(variable, "DATABASE_URL", may_hold_password=True) if variable else None


def _override(settings: FlagSettings, state_dir: Path, chosen: list[Defect]) -> FlagSettings:
    for defect in chosen:
        if defect.override_settings:
            settings = defect.override_settings(settings, state_dir)
    return settings


def _table() -> str:
    lines = []
    for defect in DEFECTS.values():
        where = f" ({defect.endpoint})" if defect.endpoint else ""
        lines.append(f"{defect.name}  [{defect.kind}] {defect.check or 'no finding'} -> {defect.verdict}")
        lines.append(textwrap.indent(f"{defect.wrong}{where}\nsuffers: {defect.sufferer}", "    "))
    return "\n".join(lines)


def _shapes() -> str:
    told = "; ".join(f"{name}: {shape.told}" for name, shape in SHAPES.items())
    return f"how much the backend tells of itself. {told} (default: {DEFAULT_SHAPE})"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m verification.reference",
        description="Start the reference backend: two implementations of the same interface behind one flag.",
    )
    add: Any = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)")
    add("--port", type=_port, default=0, help="port to listen on; 0, the default, takes a free one")
    add("--percent", help="share of requests for the rewrite, 0 to 100; wins over the environment")
    add("--state-dir", help="folder for cameras, rules and logs; without it a temporary one that is deleted at the end")
    add(
        "--database-url",
        metavar="URL",
        help="PostgreSQL or SQLite, without a password, which belongs into the environment; wins over DATABASE_URL "
        "(default: SQLite in the state folder)",
    )
    add("--shape", choices=SHAPES, default=DEFAULT_SHAPE, help=_shapes())
    add("--defect", action="append", default=[], metavar="NAME", help="plant a seeded defect; may be repeated")
    add("--seed", type=int, help="seed of the waits and of the routing; drawn and logged when absent")
    add("--device-scale", type=_scale, default=1.0, help="factor from 0 to 1 on the simulated waits, for quick tests")
    add("--exit-with-stdin", action="store_true", help="end when standard input ends, as it does with the parent")
    add("--list-defects", action="store_true", help="explain every seeded defect and end")
    add("--json", action="store_true", help="with --list-defects: as JSON")
    parser.set_defaults(prog=parser.prog)
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")


def _scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0.0 <= value <= 1.0:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is no scale: give a number from 0 to 1")
