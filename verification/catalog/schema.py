"""The JSON Schema of a catalog file, for editors. `python -m verification.catalog.schema` writes it anew."""

from __future__ import annotations

import json
import sys

from verification.catalog.entries import CatalogFile
from verification.catalog.load import SHIPPED

FILE = SHIPPED / "catalog.schema.json"


def schema_text() -> str:
    """The schema as the text of its file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **CatalogFile.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
