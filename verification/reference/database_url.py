"""Which database, as a URL: read, checked, and told to people without its password."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

_EXAMPLES = "postgresql://user@127.0.0.1:5432/name or sqlite:////var/lib/backend.sqlite3"
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    # The two short forms are what most deployments have in DATABASE_URL.
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SECRET_OPTIONS = ("password", "sslpassword")


class DatabaseError(Exception):
    """The database cannot be used; the text is one line for a person and holds no password."""


def read_url(text: str, source: str, *, may_hold_password: bool) -> URL:
    """The URL that `source` (an option or a variable) gives, with the driver that is used for it.

    What was given is never repeated, because it may hold a password. Raises DatabaseError.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(
            f"{source} is no database URL, such as {_EXAMPLES} (what it is is not shown: it may hold a password)"
        ) from None
    if url.drivername not in _DRIVERS:
        raise DatabaseError(f"{source} asks for {url.drivername!r}: give a URL such as {_EXAMPLES}")
    if not may_hold_password and _secrets(url):
        raise DatabaseError(
            f"{source} holds a password, which every user of this machine can read in the list of processes: put the "
            "URL into the environment variable DATABASE_URL, or the password into PGPASSWORD or PGPASSFILE"
        )
    return url.set(drivername=_DRIVERS[url.drivername])


def describe(url: URL) -> str:
    """Where the database is, in words, without a password."""
    name = url.database or "(its default)"
    if url.get_backend_name() == "sqlite":
        return f"SQLite in {url.database or 'memory'}"
    place = url.host or _text(url, "host") or "the default socket"
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL database {name} at {place}{port}"


def explain(error: Exception, url: URL) -> str:
    """What the driver said, in one line, without the statement and without any password."""
    said = " ".join(str(error.orig if isinstance(error, DBAPIError) and error.orig else error).split())
    for secret in _secrets(url):
        said = said.replace(secret, "[redacted]")
    return said


def _secrets(url: URL) -> list[str]:
    given = [url.password or "", *(_text(url, name) for name in _SECRET_OPTIONS)]
    return [secret for secret in given if secret]


def _text(url: URL, option: str) -> str:
    value = url.query.get(option, "")
    return value if isinstance(value, str) else ", ".join(value)
