"""The part of the settings that says how a release is carried over days."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from verification.core.policy import Frozen
from verification.core.release.plan import ReleasePlan

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
PLACE = re.compile(r"\{([A-Za-z_]+)\}")
"""A place of a notification's template that is filled in."""
FILLED_IN = ("percent", "verdict", "former", "reason", "action", "event", "at")
"""Names of such places."""


class LookSettings(Frozen):
    """What one look asks: the catalog's readings and `arm.probe`. Only reads are sent unless `writes` is set."""

    requests: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Of each read on each arm."""
    natural: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Of `arm.probe` on no arm, to see the flag's share: without any, no stage could ever be passed."""
    writes: bool = False
    """Whether each look also makes twins, writes to them on both arms, and removes them; see `rollout.writes`."""


class PrometheusSettings(Frozen):
    """A Prometheus server that is asked at each look; its numbers are shown beside the suite's own."""

    url: str
    queries: Mapping[Name, Annotated[str, Field(min_length=1, max_length=5000)]] = Field(default_factory=dict)
    """Name -> PromQL that gives one number."""

    @field_validator("url")
    @classmethod
    def url_is_http(cls, url: str) -> str:
        """Only http and https with a host make sense here."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL such as http://127.0.0.1:9090")
        return url.rstrip("/")


class NotifySettings(Frozen):
    """A webhook that is told of a changed verdict, a failed start and every rollback. Its URL may be a secret, so it
    comes from elsewhere."""

    environment: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of the environment variable that holds the URL."""
    file: Path | None = None
    """File that holds the URL in its first line."""
    template: Annotated[str, Field(max_length=20_000)] = '{"text": "{percent} %: {verdict}. {reason}\\nNext: {action}"}'
    """JSON. Within its texts these are filled in: {percent} and {verdict} as they are now; {former}, the verdict that
    was told last in this stage, or none; {reason}; {action}, the command to type; {event}, which is verdict, failed
    start or rollback; {at}, when that was."""

    @field_validator("file")
    @classmethod
    def file_is_no_url(cls, file: Path | None) -> Path | None:
        """The URL itself would be told as the name of a file that cannot be read."""
        # As a path it has one slash only.
        if file is not None and re.search(r"\bhttps?:/", str(file), re.IGNORECASE):
            raise ValueError("holds a URL: put it in the first line of a file, and name that here")
        return file

    @field_validator("template")
    @classmethod
    def template_can_be_filled_in(cls, template: str) -> str:
        """A template that is no JSON, or names what nobody fills in, would be noticed only when it is needed."""
        try:
            document = json.loads(template)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise ValueError("must be a JSON object")
        named = {place for text in _texts(document) for place in PLACE.findall(text)}
        if unknown := sorted(named - set(FILLED_IN)):
            valid = ", ".join(f"{{{name}}}" for name in FILLED_IN)
            raise ValueError(f"{{{unknown[0]}}} is filled in by nobody; valid: {valid}")
        return template

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """One place only that the URL comes from."""
        if (self.environment is None) == (self.file is None):
            raise ValueError("name one of environment and file; the URL itself must not stand in the settings")
        return self


def _texts(document: Any) -> Iterator[str]:
    """All texts of a JSON value but the names of its members, which are never filled in."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, list | dict):
        for one in document.values() if isinstance(document, dict) else document:
            yield from _texts(one)


class ReleaseSettings(ReleasePlan):
    """The plan, where it is written down, and what is asked meanwhile."""

    ledger: Path = Path("release.sqlite")
    look: LookSettings = LookSettings()
    prometheus: PrometheusSettings | None = None
    notify: NotifySettings | None = None

    @property
    def plan(self) -> ReleasePlan:
        """What the judge needs of it."""
        return ReleasePlan(**{name: getattr(self, name) for name in ReleasePlan.model_fields})
