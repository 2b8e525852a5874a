"""A PostgreSQL for the tests: the one that DATABASE_URL names, else one that is started for them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.reference import asking
from verification.reference.database_url import read_url

HERE = Path(__file__).parent
# The driver is installed for these tests only. Elsewhere their marker leaves them out anyway; with `-m postgresql` and
# without the driver nothing is collected, which pytest takes for a failure.
collect_ignore_glob = [] if find_spec("psycopg") is not None else ["test_*.py"]
GIVEN = os.environ.get("DATABASE_URL", "")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is marked `postgresql`, so that plain runs leave it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A database in which schemas can be made."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'release-gate[postgresql]'")
    from tests.postgresql.server import NoServer, started

    if GIVEN:
        url = read_url(GIVEN, "DATABASE_URL", may_hold_password=True)
        if url.get_backend_name() != "postgresql":
            pytest.skip("DATABASE_URL names no PostgreSQL")
        yield url
        return
    try:
        with started() as url:
            yield url
    except NoServer as reason:
        pytest.skip(str(reason))


@pytest.fixture
def database_of(server: URL) -> Iterator[Callable[[Path], URL]]:
    """Folder of state -> its database: a schema of its own, so that nothing is shared, and gone at the end."""
    import psycopg

    from tests.postgresql.server import plain

    made: dict[Path, URL] = {}
    schemas: list[str] = []
    with psycopg.connect(plain(server), autocommit=True) as connection:

        def of(state_dir: Path) -> URL:
            # A folder that was removed and will be made anew begins with an empty database, as it does on SQLite.
            if state_dir not in made or not state_dir.exists():
                schemas.append(f"gate_{secrets.token_hex(8)}")
                connection.execute(f"CREATE SCHEMA {schemas[-1]}")
                made[state_dir] = server.update_query_dict({"options": f"-csearch_path={schemas[-1]}"})
            return made[state_dir]

        try:
            yield of
        finally:
            for schema in schemas:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def database(database_of: Callable[[Path], URL], tmp_path: Path) -> URL:
    """The database that belongs to `tmp_path`."""
    return database_of(tmp_path)


@pytest.fixture
def on_postgresql(database_of: Callable[[Path], URL], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every backend that is built in this process stands on PostgreSQL."""
    monkeypatch.setattr(asking.DATABASE, "of", database_of)
