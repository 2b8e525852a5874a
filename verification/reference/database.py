"""The database: alert rules, and a mirror of the cameras. SQLite by default, PostgreSQL where a URL says so.

Columns are texts, numbers and booleans that both databases keep alike: structures as JSON text (JSONB would reorder
members, round -0.0 and refuse NUL), moments as ISO 8601 in UTC, which no session's time zone can bend.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text, create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from verification.reference.camera_file import Record
from verification.reference.database_url import DatabaseError

METADATA = MetaData()
LARGEST_ID = 2**63 - 1
CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 5000
"""Longest wait for a row that somebody else has locked. The call would stand still, and all others with it."""
_TABLES_LOCK = 7_213_001
"""Any number, the same in every process: who makes the tables holds this advisory lock."""

ALERT_RULES = Table(
    "alert_rules",
    METADATA,
    # SQLite numbers rows by itself only where the type is exactly INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("camera_id", Text),
    Column("rule_type", Text, nullable=False),
    Column("conditions", Text, nullable=False),
    Column("notification_channels", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("priority", Text, nullable=False),
    Column("created_by", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    sqlite_autoincrement=True,
)

CAMERAS = Table("cameras", METADATA, Column("id", Text, primary_key=True), Column("document", Text, nullable=False))


def now() -> str:
    """This moment in UTC as ISO 8601 with microseconds; texts of this form sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def open_database(url: URL) -> Engine:
    """The engine for a database, its tables made where they are missing. Raises SQLAlchemyError and DatabaseError.

    Calls are made inline on the event loop: on SQLite one takes a fraction of a millisecond, on a PostgreSQL nearby
    about one, and a thread pool would add more noise to the latency than that. A far database would want an
    asynchronous driver here.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    try:
        # Parameters are what users wrote, addresses with passwords among them: errors must not quote them.
        engine = create_engine(url, hide_parameters=True, **({} if is_sqlite else _postgresql_options(url)))
    except ModuleNotFoundError as error:
        raise DatabaseError(
            f"the package {error.name!r} is not installed: pip install 'release-gate[reference,postgresql]'"
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _tune_sqlite)
    with engine.begin() as connection:
        if not is_sqlite:
            # Two processes that start at the same moment would both find no tables and both make them.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TABLES_LOCK})
        METADATA.create_all(connection)
    return engine


def _postgresql_options(url: URL) -> dict[str, Any]:
    """Bounds on waiting, and a look at each connection before its use, so that a restart of the server is survived."""
    given = url.query.get("options", "")
    options = given if isinstance(given, str) else " ".join(given)
    arguments: dict[str, Any] = {"options": f"{options} -c lock_timeout={LOCK_TIMEOUT_MS}".strip()}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    return {"pool_pre_ping": True, "connect_args": arguments}


def _tune_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def canonical(record: Record) -> str:
    """A camera as JSON text that is equal exactly when its fields are."""
    return json.dumps(record, sort_keys=True)


class CameraMirror:
    """Each camera's record as JSON in the database, written after every change of the file.

    The file is the truth; the mirror is what other services would query, and what `data_consistency` holds it against.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, record: Record) -> None:
        """Write one camera's present record."""
        with self._engine.begin() as connection:
            _put(connection, record["id"], canonical(record))

    def remove(self, camera_id: str) -> None:
        """Forget one camera; nothing happens when it is not there."""
        with self._engine.begin() as connection:
            connection.execute(text("DELETE FROM cameras WHERE id = :id"), {"id": camera_id})

    def documents(self) -> dict[str, str]:
        """Camera id -> JSON text of what the mirror holds."""
        with self._engine.connect() as connection:
            return {row.id: row.document for row in connection.execute(text("SELECT id, document FROM cameras"))}

    def reconcile(self, records: list[Record]) -> int:
        """Write every camera whose mirrored record differs; returns how many. Cameras that only the mirror knows stay:
        they may be the last copy, so a person has to decide, and `data_consistency` shows them until then."""
        mirrored = self.documents()
        stale = [record for record in records if mirrored.get(record["id"]) != canonical(record)]
        if stale:
            with self._engine.begin() as connection:
                # In one order everywhere: two processes that lock the same rows in two orders wait for each other.
                for record in sorted(stale, key=lambda record: str(record["id"])):
                    _put(connection, record["id"], canonical(record))
        return len(stale)


def _put(connection: Connection, camera_id: str, document: str) -> None:
    # One statement: between looking and writing, another process could write the same camera.
    connection.execute(
        text(
            "INSERT INTO cameras (id, document) VALUES (:id, :document)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document"
        ),
        {"id": camera_id, "document": document},
    )
