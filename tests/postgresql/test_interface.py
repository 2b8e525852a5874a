"""Whatever holds of the interface on SQLite holds on PostgreSQL: the very same tests, on the other database."""

from __future__ import annotations

import pytest

from tests.reference.test_interface import *  # noqa: F403  # every test of it is collected here once more


@pytest.fixture(autouse=True)
def _on_postgresql(on_postgresql: None) -> None:
    """Not a mark of this module: the one that it takes over runs every test on both arms."""
