"""How names, routes and paths are spelled in a catalog."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from verification.catalog.placeholders import NAME_PATTERN

Text = Annotated[str, Field(min_length=1)]
Reason = Annotated[str, Field(min_length=3)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Token = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]


def _without_query(path: str) -> str:
    """What stands behind these signs would not be sent as a path."""
    if "#" in path:
        raise ValueError("a fragment is never sent; percent-encode the sign as %23")
    plain, sign, query = path.partition("?")
    if sign:
        raise ValueError(f"a query stands in a field of its own: `path: {plain}` and `query: {query}`")
    return path


RoutePath = Annotated[str, Field(pattern=r"^/[!-~]*$"), AfterValidator(_without_query)]
"""Starts with a slash; whatever is not ASCII is percent-encoded."""
CaseId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
DottedPath = Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")]
"""Keys and indexes joined by dots; `*` is one key or index."""
DottedPathOrRoot = Annotated[str, Field(pattern=r"^([^.]+(\.[^.]+)*)?$")]
"""As DottedPath; empty is the document itself."""
