"""Where settings come from: the command line wins over the environment, that over the file, that over the default.

Unknown keys and bad values are refused, with their place, what stands there, and what would be valid.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from verification.core.errors import SettingsError
from verification.core.redact import also_secret, redact_text
from verification.settings.model import Settings

DEFAULT_FILE = Path("rollout.toml")
PREFIX = "RELEASE_GATE__"
"""Of environment variables: `RELEASE_GATE__LOAD__RATE_PER_S=50` is `rate_per_s = 50` in `[load]`."""
COMMAND_LINE, FROM_ENVIRONMENT = "command line", "environment "
HANDED = "RELEASE_GATE_SETTINGS"
"""Environment variable by which a run hands its settings to a process that it starts."""
_SECRET_PLACES = {"authentication", "environment", "notify", "secrets"}
"""Whoever writes a secret there by mistake must not find it in a log."""
_PATHS = (
    ("percent", "file", "path"),
    ("target", "ca_file"),
    ("target", "log_file"),
    ("target", "authentication", "file"),
    ("catalog", "path"),
    ("release", "ledger"),
    ("release", "notify", "file"),
)
"""Relative ones in a file are meant from that file's folder."""


def load_settings(
    path: Path | None, overrides: dict[str, dict[str, Any] | Any], environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the file (a missing default file is fine, a missing named one is not) and lay environment and overrides
    over it. Each value remembers where it came from (`Settings.sources`), and secret names hold from now on."""
    document: dict[str, Any] = {}
    sources: dict[str, str] = {}
    source = path or DEFAULT_FILE
    if path is not None or source.is_file():
        document = _read(source)
        _resolve(document, source.resolve().parent)
        sources |= {key: str(source) for key, _ in _leaves(document)}
    for name, keys, value in _from_environment(os.environ if environment is None else environment):
        if not _lay(document, keys, value):
            raise SettingsError(f"environment {name}: {'.'.join(keys[:-1])} is a value, and nothing stands below it.")
        sources[".".join(keys)] = f"{FROM_ENVIRONMENT}{name}"
    for key, value in _leaves(overrides):
        _lay(document, tuple(key.split(".")), value)
        sources[key] = COMMAND_LINE
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError(_explain(source, error, sources)) from error
    settings.remember(sources, path)
    also_secret(settings.secret_names)
    return settings


def handed_settings() -> Settings:
    """The settings of the run that started this process; without one, those of the default file.

    The secret names in them hold from now on, as in the run itself.
    """
    handed = os.environ.get(HANDED)
    if handed is None:
        return load_settings(None, {})
    settings = Settings.model_validate_json(handed)
    also_secret(settings.secret_names)
    return settings


def _lay(document: dict[str, Any], keys: tuple[str, ...], value: Any) -> bool:
    """Set one value; False where what stands on the way is no table. It stays, and is refused later with its place."""
    table: Any = document
    for key in keys[:-1]:
        table = table.setdefault(key, {}) if isinstance(table, dict) else None
    if isinstance(table, dict):
        table[keys[-1]] = value
    return isinstance(table, dict)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(variable, keys, value): as TOML where it is some, for numbers, booleans and lists; else as text."""
    for name in sorted(environment):
        if name.startswith(PREFIX):
            text = environment[name]
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            keys = name.removeprefix(PREFIX).split("__")
            # The names of a command's own variables keep their letters.
            kept = 2 if [key.lower() for key in keys[:2]] == ["percent", "environment"] else len(keys)
            yield name, (*(key.lower() for key in keys[:kept]), *keys[kept:]), value


def _leaves(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _resolve(document: dict[str, Any], folder: Path) -> None:
    for *sections, key in _PATHS:
        table: Any = document
        for section in sections:
            table = table.get(section) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / table[key])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}.") from error


def _explain(source: Path, error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            valid = _known_keys(problem["loc"])
            near = difflib.get_close_matches(str(problem["loc"][-1]), valid, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            lines.append(f"{place}: unknown key.{hint} Known here: {', '.join(valid)}.{_from(place, sources)}")
        else:
            # A URL may hold a password, and messages go to logs.
            hidden = isinstance(problem["input"], dict) or bool(_SECRET_PLACES & {*map(str, problem["loc"])})
            given = "" if hidden else f" (given: {redact_text(repr(problem['input']))})"
            lines.append(f"{place}: {problem['msg']}{given}.{_from(place, sources)}")
    return f"{source} with environment and command line: cannot be used.\n  " + "\n  ".join(lines)


def _from(place: str, sources: Mapping[str, str]) -> str:
    found = sources.get(place)
    return f" It comes from: {found}." if found is not None else ""


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for step in location[:-1]:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return sorted(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
