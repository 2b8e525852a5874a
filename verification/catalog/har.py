"""Recorded traffic, a HAR file -> sketches of the endpoints that were asked, with what was asked as their cases."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from verification.catalog.example import items, mapping, text
from verification.catalog.foreign import parse
from verification.catalog.likely import MOST_MASKS, UUID, of_value
from verification.catalog.sketch import METHODS, NO_BODY, Sketch, SketchCase, find, line, placeholders
from verification.catalog.withheld import Withheld
from verification.core.errors import UsageError
from verification.core.model import Json

MOST_ENDPOINTS = 500
MOST_CASES = 10
"""Recorded requests of one endpoint that become cases."""
MOST_BODY, MOST_PATH = 20_000, 2000
_ASSETS = re.compile(r"^(?:image|font|audio|video)/|^text/css|javascript|ecmascript|wasm", re.IGNORECASE)
_ASSET_PATH = re.compile(r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|mp4|wasm)$", re.IGNORECASE)
_ID = re.compile(rf"\d+|{UUID}|[0-9a-f]{{12,}}|(?=\S*\d)(?=\S*[A-Za-z])[\w-]{{20,}}", re.ASCII)
_NOT_MODIFIED = 304


@dataclass(slots=True)
class Recorded:
    """What a HAR file says, and what of it was left out."""

    sketches: dict[str, Sketch]
    notes: list[str] = field(default_factory=list)
    crowded_out: int = 0
    """Requests of endpoints that were one too many."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One request and its answer, with the types that are looked at."""

    method: str
    url: SplitResult
    query: tuple[tuple[str, str], ...]
    posted: dict[str, Json]
    status: int
    answer: Json
    answer_type: str

    @property
    def origin(self) -> str:
        return f"{self.url.scheme}://{self.url.netloc.rpartition('@')[2].lower()}"


def record(
    value: Json, origin: str, withheld: Withheld, known: dict[str, Sketch], left_out: frozenset[str] = frozenset()
) -> Recorded:
    """The endpoints that a HAR file asks of its most frequent host, laid over those that are `known`.

    Every secret of the file is looked for before anything is taken from it. `left_out` are query parameters that are
    the arm's own. Raises UsageError where it is no HAR file or holds nothing that can be asked.
    """
    written = mapping(mapping(value).get("log")).get("entries")
    if not isinstance(written, list):
        raise UsageError(f"{origin}: is no HAR file: it has no list `log.entries`; a browser's network tab saves one")
    entries = []
    for one in written:
        _remember_secrets(mapping(one), withheld)
        entry = _entry(mapping(one))
        if entry is not None:
            _remember_bodies(entry, withheld)
            entries.append(entry)
    usable = [one for one in entries if one.method in METHODS and not _is_asset(one)]
    if not usable:
        raise UsageError(
            f"{origin}: holds no answered request with {', '.join(METHODS)} that is more than a page's assets"
        )
    found = Recorded(dict(known))
    hosts = Counter(one.origin for one in usable)
    host = hosts.most_common(1)[0][0]
    for one in usable:
        if one.origin == host:
            _take(found, one, withheld, left_out)
    if found.crowded_out:
        found.notes.append(
            f"{origin}: {found.crowded_out} requests were left out: more than {MOST_ENDPOINTS} endpoints"
        )
    if len(hosts) > 1:
        others = ", ".join(withheld.text(line(other)) for other, _ in hosts.most_common()[1:6])
        found.notes.append(f"{origin}: only requests to {line(host)} were taken, none to {others}")
    return found


def _entry(written: dict[str, Json]) -> _Entry | None:
    request, response = mapping(written.get("request")), mapping(written.get("response"))
    try:
        url = urlsplit(text(request.get("url")))
    except ValueError:
        return None
    status = response.get("status")
    if not isinstance(status, int) or not 200 <= status <= 599 or url.scheme not in ("http", "https"):
        return None
    content = mapping(response.get("content"))
    return _Entry(
        text(request.get("method")).upper(),
        url,
        tuple(parse_qsl(url.query, keep_blank_values=True)),
        mapping(request.get("postData")),
        200 if status == _NOT_MODIFIED else status,
        _json(_content(content)),
        text(content.get("mimeType")),
    )


def _content(content: dict[str, Json]) -> str:
    body = text(content.get("text"))
    if content.get("encoding") != "base64":
        return body
    try:
        return base64.b64decode(body).decode()
    except ValueError:
        return ""


def _json(body: str) -> Json:
    """The JSON value of a body; None where it is none, or none that a person would look at."""
    if body.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse(body.encode("utf-8", "replace"), "body")
    except UsageError:
        return None


def _is_asset(entry: _Entry) -> bool:
    return bool(_ASSETS.search(entry.answer_type) or _ASSET_PATH.search(entry.url.path))


def _remember_secrets(written: dict[str, Json], withheld: Withheld) -> None:
    for side in ("request", "response"):
        part = mapping(written.get(side))
        for header in map(mapping, items(part.get("headers"))):
            withheld.header(text(header.get("name")), text(header.get("value")))
        for cookie in map(mapping, items(part.get("cookies"))):
            withheld.header("cookie", f"{text(cookie.get('name'))}={text(cookie.get('value'))}")


def _remember_bodies(entry: _Entry, withheld: Withheld) -> None:
    """Secrets of a body turn up elsewhere: the token that a login answers is the next request's parameter."""
    if entry.url.password:
        withheld.header("authorization", f"- {entry.url.password}")
    withheld.learn(entry.answer)
    withheld.learn(_json(text(entry.posted.get("text"))))
    for name, value in (*entry.query, *_form(entry.posted)):
        withheld.learn(value, name)


def _form(posted: dict[str, Json]) -> tuple[tuple[str, str], ...]:
    """The fields of a form, as recorded in `params` or in the text."""
    params = [mapping(one) for one in items(posted.get("params"))]
    if params:
        return tuple((text(one.get("name")), text(one.get("value"))) for one in params)
    if "x-www-form-urlencoded" in text(posted.get("mimeType")):
        return tuple(parse_qsl(text(posted.get("text")), keep_blank_values=True))
    return ()


def _take(found: Recorded, entry: _Entry, withheld: Withheld, left_out: frozenset[str]) -> None:
    path = _path(entry.url.path, withheld)
    sketch = find(found.sketches, entry.method, path)
    if "//" in path or len(path) > MOST_PATH:
        found.notes.append(f"{entry.method} {line(path, 60)} was left out: the catalog cannot say such a path")
        return
    if sketch is None:
        if len(found.sketches) >= MOST_ENDPOINTS:
            found.crowded_out += 1
            return
        sketch = Sketch(entry.method, "", _route(path))
        found.sketches[sketch.id] = sketch
    query = tuple(pair for pair in withheld.pairs("query", entry.query) if pair[0] not in left_out)
    case = SketchCase("recorded", f"{sketch.id}, as recorded", path, query, status=entry.status)
    _body(sketch, case, entry.posted, withheld)
    # What was really asked is better than what a description makes up.
    sketch.cases = [one for one in sketch.cases if not _is_made_up(one)]
    sketch.add(case, MOST_CASES)
    if entry.status < 300:
        for place, mask in _masks(entry, ()):
            if len(sketch.masks) < MOST_MASKS:
                sketch.masks.setdefault(place, mask)


def _is_made_up(case: SketchCase) -> bool:
    return bool(placeholders(case.request())) and not case.id.startswith("recorded")


def _path(path: str, withheld: Withheld) -> str:
    """In printable ASCII, each secret in it a placeholder."""
    plain = quote(path or "/", safe="/%:@!$&'()*+,;=~-._", errors="replace")
    return "/".join(withheld.value("path", step) for step in plain.split("/"))


def _route(path: str) -> str:
    """The path with a parameter in place of each step that looks like an id; it is named after the step before."""
    steps: list[str] = []
    for step in path.split("/"):
        if step.startswith("{") or _ID.fullmatch(step):
            before = next((one for one in reversed(steps) if one and "{" not in one), "item")
            name = re.sub(r"\W+", "_", before, flags=re.ASCII).rstrip("s") or "item"
            name = f"{name}_id" if f"{{{name}_id}}" not in steps else f"{name}_id_{len(steps)}"
            steps.append(f"{{{name}}}")
        else:
            steps.append(step)
    return "/".join(steps)


def _body(sketch: Sketch, case: SketchCase, posted: dict[str, Json], withheld: Withheld) -> None:
    media_type, body, form = text(posted.get("mimeType")), text(posted.get("text")), _form(posted)
    if not body and not form:
        return
    value = _json(body)
    if value is not None:
        case.body = withheld.value("body", value)
        case.content_type = None if media_type.startswith("application/json") else line(media_type, 100) or None
    elif form and "multipart" not in media_type:
        case.raw_body = urlencode(withheld.pairs("body", form), safe="{}")
        case.content_type = "application/x-www-form-urlencoded"
    elif "multipart" in media_type or len(body) > MOST_BODY or "\x00" in body:
        sketch.doubts.append(f"a recorded body ({line(media_type, 60) or 'of no type'}) was left out; write one")
    else:
        case.raw_body, case.content_type = withheld.text(body), line(media_type, 100) or "text/plain"
    if case.body is NO_BODY and case.raw_body is None:
        case.content_type = None


def _masks(entry: _Entry, start: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Json]]]:
    """(path, mask) of each field of the answer that is likely to vary. Lists and ids are one place."""
    level: list[tuple[tuple[str, ...], str, Any]] = [(start, "", entry.answer)]
    while level:
        deeper = []
        for path, name, value in level:
            if isinstance(value, dict):
                deeper += [
                    ((*path, "*" if _ID.fullmatch(key) else key), key, member)
                    for key, member in value.items()
                    if key and "." not in key
                ]
            elif isinstance(value, list):
                deeper += [((*path, "*"), name, member) for member in value[:50]]
            elif path and (mask := of_value(name, value, creates=entry.method == "POST")) is not None:
                yield ".".join(path), mask
        level = deeper
