"""The bench that the tables run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.defects.bench import Bench
from verification.catalog.load import load_catalog
from verification.core.cases import Catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def bench(tmp_path: Path, catalog: Catalog) -> Bench:
    return Bench(tmp_path / "run", catalog)
