"""The parts of the settings that say which backend is verified, and how it is asked, seen and moved."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from verification.core.arms import DEFAULT_ROUTING, Routing
from verification.core.policy import Frozen

Word = Annotated[str, Field(min_length=1, max_length=200)]
RoutePath = Annotated[str, Field(pattern=r'^/[!"$->@-~]*$', max_length=500)]
"""Without a query or a fragment, which would not be sent."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)]
HeaderValue = Annotated[str, Field(pattern=r"^[ -~]+$", max_length=1000)]

FALLBACK_WORDS = "falling back to legacy"
"""What the log of the reference backend says when legacy answered for domain."""
UNASKED_CAMERA = "/api/v1/cameras/gate-exposure-probe-{subject}/status"


class AuthenticationSettings(Frozen):
    """A header that every request carries. Its value comes from the environment or a file, never from the settings."""

    header: HeaderName = "Authorization"
    environment: Word | None = None
    """Name of the environment variable that holds the value."""
    file: Path | None = None
    """File that holds the value in its first line."""
    prefix: Annotated[str, Field(max_length=50)] = ""
    """Put before the value, for example `Bearer ` with its space."""

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """One place only that the value comes from."""
        if (self.environment is None) == (self.file is None):
            raise ValueError("name one of environment and file; the value itself must not stand in the settings")
        return self


class TargetSettings(Frozen):
    """The backend under verification. Without a URL the embedded reference backend is started."""

    url: str | None = None
    control_url: str | None = None
    """With `candidate_url`: two backends, the trusted one here."""
    candidate_url: str | None = None
    ready: RoutePath = "/api/ping"
    """Answers below 500 once the backend is ready."""
    ready_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 5_000_000
    ca_file: Path | None = None
    """Certificates that are trusted for https instead of the system's."""
    authentication: AuthenticationSettings | None = None
    log_file: Path | None = None
    """Log of a named backend, where the suite may read it; it is searched for fallbacks."""
    fallback_words: Annotated[str, Field(max_length=500)] = FALLBACK_WORDS
    """What stands in each line of that log that tells of a fallback, letter for letter."""
    defects: tuple[str, ...] = ()
    """Seeded defects of the embedded backend."""
    shape: Literal["telling", "production", "production-counting-all"] = "telling"
    """What the embedded backend tells of itself: `production` names nobody and counts forced requests only."""
    database_environment: Word | None = None
    """Name of the environment variable with the embedded backend's database URL; without it, SQLite of its own."""

    @field_validator("url", "control_url", "candidate_url")
    @classmethod
    def url_is_http(cls, url: str | None) -> str | None:
        """Only http and https with a host make sense here."""
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
            known = known and not (set("?#") & set(url) or any(sign.isspace() for sign in url))
        except ValueError:
            known = False
        if not known:
            raise ValueError("must be a URL such as http://127.0.0.1:8000")
        return url.rstrip("/")

    @field_validator("fallback_words")
    @classmethod
    def words_can_stand_in_a_line(cls, words: str) -> str:
        """Words that every line holds, or none ever, would say nothing of fallbacks."""
        if not words.strip() or words.splitlines() != [words]:
            raise ValueError(f"must be words within one line of the log, such as {FALLBACK_WORDS!r}")
        return words

    @model_validator(mode="after")
    def one_or_two(self) -> Self:
        """One URL with a switch, or two without."""
        if (self.control_url is None) != (self.candidate_url is None):
            raise ValueError("control_url and candidate_url belong together")
        if self.url is not None and self.control_url is not None:
            raise ValueError("url (one backend with a switch) excludes control_url and candidate_url (two backends)")
        if self.control_url and self.candidate_url and _place(self.control_url) == _place(self.candidate_url):
            raise ValueError("control_url and candidate_url are the same: old would be compared with old")
        return self

    @property
    def words_of_a_fallback(self) -> str:
        """What to search the log for. The embedded backend has words of its own, whatever those of a named one are."""
        return self.fallback_words if self.urls else FALLBACK_WORDS

    @property
    def urls(self) -> tuple[str, ...]:
        """The base URLs that are named: none, one, or control's and candidate's."""
        return tuple(url for url in (self.url, self.control_url, self.candidate_url) if url is not None)


def _place(url: str) -> tuple[str, int, str]:
    """Host, port and path that a URL names, spelt in one way only."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    usual = 443 if parts.scheme == "https" else 80
    here = host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")  # noqa: S104  # compared, not bound
    return ("127.0.0.1" if here else host), parts.port or usual, parts.path.rstrip("/")


class ArmSettings(Frozen):
    """How a request is put on an arm. Without any of query, header, cookie and path it is `force_domain` in the query.

    With two URLs the URL itself is what puts a request on its arm.
    """

    query: Word | None = None
    """Name of a query parameter."""
    header: HeaderName | None = None
    cookie: HeaderName | None = None
    path: bool = False
    """Prefixes of the path: `control` and `candidate` begin with a slash, or are empty."""
    control: Annotated[str, Field(max_length=500)] | None = None
    """Value that puts a request on control; by query "false"."""
    candidate: Annotated[str, Field(max_length=500)] | None = None
    shared_state: bool | None = None
    """Whether both sides see the same state: one backend does, two do not unless this says so."""
    flag: bool | None = None
    """Whether a request on no arm is routed by a flag at a percent: so with one URL, unless this says otherwise."""
    probe: RoutePath = UNASKED_CAMERA
    """A read that needs nothing and leaves nothing; asked without an arm it shows the share of the flag."""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """One way only, with two values that can be told apart."""
        ways = [name for name in ("query", "header", "cookie") if getattr(self, name)] + ["path"] * self.path
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} exclude each other; keep one")
        if ways and (self.control is None or self.candidate is None):
            raise ValueError(f"{ways[0]} needs control and candidate: what puts a request on each")
        if self.control is not None and self.control == self.candidate:
            raise ValueError("control and candidate must differ")
        if self.path and any(value and not value.startswith("/") for value in (self.control, self.candidate)):
            raise ValueError("a prefix of the path begins with a slash, for example /v2")
        return self

    def routing(self, target: TargetSettings) -> Routing:
        """The routing that these settings and the target's URLs come to."""
        if target.control_url is not None and target.candidate_url is not None:
            return Routing("url", "", target.control_url, target.candidate_url, flag=False)
        flag = self.flag is not False
        ways: tuple[Literal["query", "header", "cookie"], ...] = ("query", "header", "cookie")
        for way in ways:
            name: str | None = getattr(self, way)
            if name is not None:
                return Routing(way, name, self.control or "", self.candidate or "", flag)
        if self.path:
            return Routing("path", "", self.control or "", self.candidate or "", flag)
        usual = DEFAULT_ROUTING
        return Routing("query", usual.name, self.control or usual.control, self.candidate or usual.candidate, flag)


class HttpCall(Frozen):
    """A call that sets the percent; `{percent}` is filled in."""

    method: Literal["POST", "PUT", "PATCH"] = "PUT"
    path: RoutePath
    body: str | None = None
    content_type: HeaderValue = "application/json"


class FileChange(Frozen):
    """A file that is written anew to set the percent; `{percent}` is filled in."""

    path: Path
    text: Annotated[str, Field(max_length=100_000)]


class PercentCheck(Frozen):
    """Where the backend tells the percent that it is at."""

    path: RoutePath
    field: Word
    """Dotted path of the number in the JSON answer."""


class PercentSettings(Frozen):
    """How the rollout percent of a named backend is set. Without any of them somebody else sets it."""

    command: tuple[str, ...] = ()
    """Restarts the backend: an argument list, no shell; `{percent}` is filled in."""
    environment: Mapping[str, str] = Field(default_factory=dict)
    """Variables for the command; `{percent}` is filled in, `{enabled}` is true above 0 and false at 0."""
    http: HttpCall | None = None
    file: FileChange | None = None
    check: PercentCheck | None = None
    """How it is seen that the percent took effect; without it the share of unforced requests shows it."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0

    @model_validator(mode="after")
    def one_driver(self) -> Self:
        """One way only."""
        ways = [name for name in ("command", "http", "file") if getattr(self, name)]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} exclude each other; keep one")
        if self.environment and not self.command:
            raise ValueError("environment belongs to command")
        return self

    @property
    def is_known(self) -> bool:
        """Whether the suite is told how to set it."""
        return bool(self.command or self.http or self.file)

    @property
    def told(self) -> str:
        """How it is set, in words."""
        if self.http is not None:
            return f"by {self.http.method} {self.http.path}"
        return f"by writing {self.file.path}" if self.file is not None else f"by the command {shlex.join(self.command)}"


class MonitoringSettings(Frozen):
    """The backend's own monitoring, in the shape of the release plan's two endpoints."""

    health: RoutePath = "/api/v1/monitoring/health"
    metrics: RoutePath = "/api/v1/monitoring/metrics"
    none: bool | None = None
    """There is none; so with two URLs, unless this says otherwise."""


class CatalogSettings(Frozen):
    """What is asked."""

    path: Path | None = None
    """A YAML file or a folder of them; without it the catalog that comes with the suite."""


class SecretSettings(Frozen):
    """What is redacted beside that which its own name gives away: passwords, tokens, keys, cookies, authorization."""

    names: tuple[Annotated[str, Field(pattern=r"^[ -~]{2,100}$")], ...] = ()
    """Headers, query parameters and body members, in any case of letters and with - or _."""
