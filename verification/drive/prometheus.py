"""Numbers that a Prometheus server gives for the queries of the settings.

Its values are texts, and may be "NaN" or "+Inf": those are no numbers. An empty result is missing, not zero.
Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
import os

from verification.core.model import Arm, Json, Request
from verification.core.redact import Redactor
from verification.drive.caller import Caller, json_body
from verification.settings.release import PrometheusSettings

_TIMEOUT_S = 10.0


def ask_prometheus(settings: PrometheusSettings) -> dict[str, float]:
    """Query name -> its number at this moment; what gave none is not there. Never raises for what the server says."""
    found = {}
    with Caller(settings.url, Redactor(os.urandom(32)), timeout_s=_TIMEOUT_S) as caller:
        for name, query in settings.queries.items():
            request = Request("GET", "/api/v1/query", (("query", query),))
            value = _number(json_body(caller.call(request, Arm.CONTROL, force=False)))
            if value is not None:
                found[name] = value
    return found


def _number(body: Json) -> float | None:
    """The only value of an instant query's answer; None where there is none, or more than one."""
    data = body.get("data") if isinstance(body, dict) and body.get("status") == "success" else None
    if not isinstance(data, dict):
        return None
    result = data.get("result")
    if data.get("resultType") == "vector":
        if not isinstance(result, list) or len(result) != 1 or not isinstance(result[0], dict):
            return None
        result = result[0].get("value")
    if not isinstance(result, list) or len(result) != 2 or not isinstance(result[1], str):
        return None
    try:
        value = float(result[1])
    except ValueError:
        return None
    return value if math.isfinite(value) else None
