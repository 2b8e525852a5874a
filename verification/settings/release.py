"""The part of the settings that says how a release is carried over days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from verification.core.policy import Frozen
from verification.core.release.plan import ReleasePlan

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class LookSettings(Frozen):
    """What one look asks. Only reads are sent: the catalog's readings and `arm.probe`."""

    requests: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Of each read on each arm."""
    natural: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Of `arm.probe` on no arm, to see the flag's share: without any, no stage could ever be passed."""


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
    """A webhook that is told when the verdict changes. Its URL may be a secret, so it comes from elsewhere."""

    environment: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name of the environment variable that holds the URL."""
    file: Path | None = None
    """File that holds the URL in its first line."""
    template: Annotated[str, Field(max_length=20_000)] = '{"text": "{percent} %: {verdict}. {reason} Next: {action}"}'
    """JSON; {percent}, {verdict}, {former}, {reason} and {action} within its texts are filled in."""

    @field_validator("template")
    @classmethod
    def template_is_json(cls, template: str) -> str:
        """Found out now, not when the verdict changes at night."""
        try:
            json.loads(template)
        except ValueError as error:
            raise ValueError(f"must be JSON with the names within its texts: {error}") from error
        return template

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """One place only that the URL comes from."""
        if (self.environment is None) == (self.file is None):
            raise ValueError("name one of environment and file; the URL itself must not stand in the settings")
        return self


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
