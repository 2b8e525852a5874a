"""Defects of single answers: status, headers, raw body, fields, and whose resource it is."""

from __future__ import annotations

import json
from typing import Any

from verification.reference.asgi import Response
from verification.reference.backend import Backend
from verification.reference.defects.interception import (
    Act,
    Call,
    edit_body,
    edit_response,
    intercept,
    set_body,
    set_bytes,
)
from verification.reference.defects.registry import Defect

Body = dict[str, Any]

STATS = "GET /cameras/{id}/stats"
STATUS = "GET /cameras/{id}/status"
LOGS = "GET /cameras/{id}/logs"
ACTIVATE = "POST /cameras/{id}/activate"
CREATE_RULE = "POST /alerts/rules"
REFRESH = "POST /cameras/refresh"


def _other_status(when: int, instead: int, body: Body | None = None) -> Any:
    def edit(response: Response) -> None:
        if response.status == when:
            response.status = instead
            if body is not None:
                set_body(response, body)

    return edit


def _stats(body: Body, **changed: Any) -> Body:
    return {**body, "stats": {**body["stats"], **changed}}


def _without_average(body: Body) -> Body:
    return {**body, "stats": {key: value for key, value in body["stats"].items() if key != "avg_fps"}}


def _renamed_total(body: Body) -> Body:
    return {("totalLines" if key == "total_lines" else key): value for key, value in body.items()}


def _frames_as_text(body: Body) -> Body:
    return _stats(body, total_frames=str(body["stats"]["total_frames"]))


def _frames_as_float(body: Body) -> Body:
    return _stats(body, total_frames=float(body["stats"]["total_frames"]))


def _reversed_lines(body: Body) -> Body:
    return {**body, "lines": body["lines"][::-1]}


def _null_lines(body: Body) -> Body:
    return {**body, "lines": body["lines"] or None}


def _null_pid(body: Body) -> Body:
    return {**body, "pid": body["pid"] or None}


def _zoneless_timestamp(body: Body) -> Body:
    return {**body, "timestamp": body["timestamp"].removesuffix("+00:00")}


def _cacheable(response: Response) -> None:
    response.headers.append((b"cache-control", b"max-age=60"))


def _not_a_number(response: Response) -> None:
    if response.status == 200:
        set_body(response, _stats(json.loads(response.body), avg_fps=float("nan")))


def _sent_twice(response: Response) -> None:
    if response.status == 200:
        set_bytes(response, response.body * 2)


def _in_german(response: Response) -> None:
    body = json.loads(response.body)
    for key, words in (("detail", "Die Anfrage wurde abgelehnt"), ("message", "Fertig")):
        if isinstance(body, dict) and isinstance(body.get(key), str):
            set_body(response, {**body, key: words})


def _otherwise_written(response: Response) -> None:
    """The same document: members backwards, room between them, characters escaped, headers in another order."""
    if response.body:
        backwards = json.loads(response.body, object_pairs_hook=lambda pairs: dict(pairs[::-1]))
        set_bytes(response, json.dumps(backwards, indent=1).replace("/", "\\/").encode())
    response.headers.sort(reverse=True)


def _another_cameras_id(backend: Backend) -> Act:
    async def act(call: Call) -> Response:
        response = await call.proceed()
        if response.status == 200:
            body = json.loads(response.body)
            # The newest other camera, as a query with a forgotten condition and a descending order would find it.
            others = [record["id"] for record in backend.file.records() if record["id"] != body["camera_id"]]
            set_body(response, {**body, "camera_id": others[-1] if others else "unknown"})
        return response

    return act


RESPONSE_DEFECTS = (
    Defect(
        name="unknown-camera-activated",
        kind="response",
        wrong="activating an unknown camera answers 200 instead of 404",
        sufferer="an operator who mistypes an id believes that the camera is on",
        check="parity.status",
        verdict="ROLLBACK",
        endpoint=ACTIVATE,
        install=edit_response(ACTIVATE, _other_status(404, 200, {"ok": True, "active": True})),
    ),
    Defect(
        name="created-201",
        kind="response",
        wrong="a new alert rule answers 201 instead of 200",
        sufferer="clients that check for 200 report a failed save and save again",
        check="parity.status",
        verdict="HOLD",
        endpoint=CREATE_RULE,
        install=edit_response(CREATE_RULE, _other_status(200, 201)),
    ),
    Defect(
        name="unprocessable-as-400",
        kind="response",
        wrong="a body that is no object answers 400 instead of 422",
        sufferer="clients that show the list of wrong fields of a 422",
        check="parity.status",
        verdict="HOLD",
        endpoint=CREATE_RULE,
        install=edit_response(CREATE_RULE, _other_status(422, 400)),
    ),
    Defect(
        name="field-missing",
        kind="response",
        wrong="the statistics lack avg_fps",
        sufferer="dashboards that draw the frame rate",
        check="parity.body",
        verdict="HOLD",
        endpoint=STATS,
        install=edit_body(STATS, _without_average),
    ),
    Defect(
        name="field-renamed",
        kind="response",
        wrong="logs answer totalLines instead of total_lines",
        sufferer="the log view, which cannot tell how much there is",
        check="parity.body",
        verdict="HOLD",
        endpoint=LOGS,
        install=edit_body(LOGS, _renamed_total),
    ),
    Defect(
        name="null-for-empty-list",
        kind="response",
        wrong="logs without a file answer lines null instead of []",
        sufferer="clients that loop over the lines crash on new cameras",
        check="parity.body",
        verdict="ROLLBACK",
        endpoint=LOGS,
        install=edit_body(LOGS, _null_lines),
    ),
    Defect(
        name="number-as-text",
        kind="response",
        wrong='total_frames is "150" instead of 150',
        sufferer="clients that add frames up put texts together",
        check="parity.body",
        verdict="HOLD",
        endpoint=STATS,
        install=edit_body(STATS, _frames_as_text),
    ),
    Defect(
        name="integer-as-float",
        kind="response",
        wrong="total_frames is 150.0 instead of 150",
        sufferer="clients with typed parsers refuse the answer",
        check="parity.body",
        verdict="HOLD",
        endpoint=STATS,
        install=edit_body(STATS, _frames_as_float),
    ),
    Defect(
        name="boolean-as-number",
        kind="response",
        wrong="activate answers ok 1 instead of true",
        sufferer="clients that compare with true take every activation for failed",
        check="parity.body",
        verdict="ROLLBACK",
        endpoint=ACTIVATE,
        install=edit_body(ACTIVATE, lambda body: {**body, "ok": 1}),
    ),
    Defect(
        name="list-reversed",
        kind="response",
        wrong="logs come newest line first",
        sufferer="whoever reads a log as a story",
        check="parity.body",
        verdict="ROLLBACK",
        endpoint=LOGS,
        install=edit_body(LOGS, _reversed_lines),
    ),
    Defect(
        name="null-pid",
        kind="response",
        wrong="a stopped camera has pid null instead of 0, behind a mask that expects an integer",
        sufferer="clients that compare the pid with 0",
        check="parity.body",
        verdict="HOLD",
        endpoint=STATUS,
        install=edit_body(STATUS, _null_pid),
    ),
    Defect(
        name="zoneless-timestamp",
        kind="response",
        wrong="refresh answers a timestamp without its zone, behind a mask that expects a timestamp",
        sufferer="clients in another time zone, by hours",
        check="parity.body",
        verdict="HOLD",
        endpoint=REFRESH,
        install=edit_body(REFRESH, _zoneless_timestamp),
    ),
    Defect(
        name="cacheable-answer",
        kind="response",
        wrong="statistics may be cached for a minute",
        sufferer="dashboards behind a proxy, which show old numbers",
        check="parity.header",
        verdict="HOLD",
        endpoint=STATS,
        install=edit_response(STATS, _cacheable),
    ),
    Defect(
        name="not-a-number",
        kind="response",
        wrong="avg_fps is NaN, which is no JSON",
        sufferer="every browser, whose parser refuses the whole answer",
        check="parity.raw",
        verdict="HOLD",
        endpoint=STATS,
        install=edit_response(STATS, _not_a_number),
    ),
    Defect(
        name="body-twice",
        kind="response",
        wrong="refresh sends its JSON twice in one body",
        sufferer="every client, whose parser refuses trailing bytes",
        check="parity.raw",
        verdict="HOLD",
        endpoint=REFRESH,
        install=edit_response(REFRESH, _sent_twice),
    ),
    Defect(
        name="message-language",
        kind="response",
        wrong="texts for people are in German; nothing else differs, so the release may go on",
        sufferer="nobody who reads status codes; people who read no German",
        check="parity.message",
        verdict="PROMOTE",
        forbidden=("HOLD", "ROLLBACK"),
        install=edit_response(None, _in_german),
    ),
    Defect(
        name="faithful-refactor",
        kind="response",
        wrong="nothing: another order of members and headers, other spaces and escapes write the same answers",
        sufferer="nobody",
        check="",
        verdict="PROMOTE",
        forbidden=("HOLD", "ROLLBACK"),
        install=edit_response(None, _otherwise_written),
    ),
    Defect(
        name="another-cameras-id",
        kind="identity",
        wrong="statistics name another camera's id",
        sufferer="whoever acts on the numbers of a camera that they do not belong to",
        check="parity.identity",
        verdict="ROLLBACK",
        endpoint=STATS,
        install=intercept(STATS, _another_cameras_id),
    ),
)
