"""The database: alert rules, and a mirror of the cameras. SQLite by default, any SQLAlchemy URL otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from verification.reference.camera_file import Record

METADATA = MetaData()
LARGEST_ID = 2**63 - 1

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


def open_database(url: str) -> Engine:
    """The engine for a SQLAlchemy URL, its tables made where they are missing. Raises SQLAlchemyError.

    Calls are made inline on the event loop: on SQLite one takes a fraction of a millisecond, and a thread pool would
    add more noise to the latency than that. A far database would want an asynchronous driver here.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    METADATA.create_all(engine)
    return engine


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
                for record in stale:
                    _put(connection, record["id"], canonical(record))
        return len(stale)


def _put(connection: Connection, camera_id: str, document: str) -> None:
    values: dict[str, Any] = {"id": camera_id, "document": document}
    updated = connection.execute(text("UPDATE cameras SET document = :document WHERE id = :id"), values)
    if updated.rowcount == 0:
        connection.execute(text("INSERT INTO cameras (id, document) VALUES (:id, :document)"), values)
