"""Likely masks, guessed from a field's format, name or value. A person confirms them; a run tells which never fired."""

from __future__ import annotations

import re

from verification.core.model import Json

UNNAMED = "to be named"
"""Who answers for a mask that nobody has taken on yet."""
MOST_MASKS = 40
"""More in one endpoint would be no draft that a person reads."""
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SECONDS_APART = 120

_MOMENT = re.compile(
    r"(?:^|_)(?:timestamp|datetime|now|(?:created|updated|modified|last|server)_?(?:at|on|time))$|_at$|_ts$"
)
_DURATION = re.compile(
    r"(?:^|_)(?:elapsed|duration|latency|uptime|runtime|took|(?:response|processing|execution|query|request)_time)"
    r"(?:_?(?:ns|us|ms|s|sec|secs|seconds|millis|milliseconds))?$"
)
_CALL = re.compile(r"(?:^|_)(?:request|trace|span|correlation|transaction|event|job|task|run)_?(?:id|uuid)$")
_ID = re.compile(r"^(?:id|uuid|guid)$|_(?:id|uuid|guid)$")
_PROCESS = re.compile(r"^(?:pid|process_id)$")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)


def of_schema(name: str, kind: str, form: str, *, creates: bool) -> dict[str, Json] | None:
    """The mask for a field of that name, JSON type and format; None where nothing suggests that it varies.

    `creates` is True for the answer to a POST: only there is a new id likely. An id that a read repeats must be equal.
    """
    plain = _snake(name)
    if kind == "string" and (form == "date-time" or (form == "" and _MOMENT.search(plain))):
        return _mask("timestamp", "it tells a moment; raise `maximum`, in seconds, where the sides lie further apart",
                     maximum=SECONDS_APART)  # fmt: skip
    if kind == "string" and form == "uuid" and (creates or _CALL.search(plain)):
        return _mask("pattern", "it looks like an id that is made anew for each request", pattern=UUID)
    if kind in ("integer", "number"):
        return _of_number(plain, kind, creates=creates)
    return None


def of_value(name: str, value: Json, *, creates: bool) -> dict[str, Json] | None:
    """The same for a field whose value was seen."""
    if isinstance(value, str):
        if _ISO.fullmatch(value):
            return of_schema(name, "string", "date-time", creates=creates)
        return of_schema(name, "string", "uuid" if re.fullmatch(UUID, value) else "other", creates=creates)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return of_schema(name, "integer" if isinstance(value, int) else "number", "", creates=creates)


def _of_number(plain: str, kind: str, *, creates: bool) -> dict[str, Json] | None:
    if _DURATION.search(plain):
        return _mask(kind, "it tells how long something took", minimum=0)
    if _MOMENT.search(plain):
        return _mask(kind, "it tells a moment as a number", minimum=0)
    if kind == "integer" and (_PROCESS.search(plain) or (creates and _ID.search(plain))):
        return _mask(kind, "it is given anew for each thing that is made or started", minimum=1)
    return None


def _mask(predicate: str, reason: str, **arguments: Json) -> dict[str, Json]:
    return {"predicate": predicate, **arguments, "reason": f"a guess: {reason}"}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+", "_", name[:200]).lower()
