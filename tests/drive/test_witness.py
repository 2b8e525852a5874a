"""The second witness is read where it was declared, and tells how far it moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from verification.core.model import Answer, Arm, Exchange, Request
from verification.core.redact import Redactor
from verification.core.witness import SecondWitnessSettings
from verification.drive import witness
from verification.drive.caller import Caller
from verification.drive.witness import counter_in, second_witness


def _plain(text: str) -> httpx.Response:
    return httpx.Response(200, text=text)


def moved(
    settings: SecondWitnessSettings,
    *,
    bodies: list[Any] | None = None,
    texts: list[str] | None = None,
    log: Path | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Any:
    """What the witness says of two calls, with these metrics before and after, and this happening in between."""
    answers = iter([*(httpx.Response(200, json=body) for body in bodies or []), *map(_plain, texts or [])])
    transport = httpx.MockTransport(lambda _: next(answers))
    with Caller("http://service", Redactor(b"salt"), transport=transport) as caller:
        second = second_witness(settings, caller, log)
        assert second is not None
        second.begin()
        meanwhile()
        named = (("x-made-by", "new"),), (("x-made-by", "old"),)
        calls = [
            Exchange(Arm.CONTROL, Request("GET", "/x"), Answer(200, one, '{"by": "new"}'), None, 1.0, None)
            for one in named
        ]
        silent = Exchange(Arm.CONTROL, Request("GET", "/x"), None, "connection closed", 1.0, None)
        return second.moved([*calls, silent])


def metrics(domain: object, legacy: object) -> dict[str, Any]:
    return {"domain_service": {"usage_count": domain, "old_count": legacy}}


def test_counters_are_told_by_their_difference() -> None:
    assert moved(SecondWitnessSettings(), bodies=[metrics(5, 7), metrics(8, 9)]) == (2, 3)


@pytest.mark.parametrize("after", [{}, [], metrics(None, "9"), metrics(True, 1.5)])
def test_a_counter_that_is_not_there_tells_nothing(after: object) -> None:
    assert moved(SecondWitnessSettings(), bodies=[metrics(5, 7), after]) == (None, None)


def test_one_counter_alone_may_be_declared() -> None:
    one = SecondWitnessSettings(counter="/m", domain="n", legacy="")
    assert moved(one, bodies=[{"n": 1}, {"n": 4}]) == (None, 3)


METRICS = """
# HELP requests_total Requests by who served.
# TYPE requests_total counter
requests_total{{by="old",route="/a"}} {old}
requests_total{{by="new",route="/a"}} {new}
requests_total{{by="new",route="/b"}} 1.0
# TYPE latency_seconds histogram
latency_seconds_bucket{{le="+Inf"}} NaN
# TYPE empty_total counter
"""


def test_a_prometheus_metric_is_told_by_its_difference_over_all_its_other_labels() -> None:
    by = 'requests_total{{by="{}"}}'
    settings = SecondWitnessSettings(metrics="/metrics", legacy=by.format("old"), domain=by.format("new"))
    bodies = [METRICS.format(old=7, new=5), METRICS.format(old=9, new="8.0")]
    assert moved(settings, texts=bodies) == (2, 3)
    assert moved(settings, texts=[bodies[0], "<html>"]) == (None, None)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("requests_total", 13),
        ('requests_total{by="new"}', 6),
        ('requests_total{route="/a",by="new"}', 5),
        ('requests_total{by="nobody"}', 0),
        ("empty_total", 0),
        ("absent_total", None),
        ("latency_seconds_bucket", None),
        ("requests_total{by=", None),
        ("", None),
        ("two words", None),
    ],
)
def test_a_series_that_has_not_begun_is_zero_and_a_metric_that_is_not_there_is_unknown(
    selector: str, found: int | None
) -> None:
    assert counter_in(METRICS.format(old=7, new=5), selector) == found


@pytest.mark.parametrize("text", ["", "\x00", "requests_total{by=", "requests_total nought", '{"requests_total": 3}'])
def test_what_is_no_exposition_tells_nothing(text: str) -> None:
    assert counter_in(text, "requests_total") is None


def test_a_second_header_or_field_is_read_in_the_answers() -> None:
    assert moved(SecondWitnessSettings(header="X-Made-By", legacy="old", domain="new")) == (1, 1)
    assert moved(SecondWitnessSettings(body="by", legacy="old", domain="new")) == (0, 2)


LOG = SecondWitnessSettings(log=True, legacy=r"served by old", domain=r"served by new\b")


def test_lines_that_are_written_to_the_log_in_between_are_counted_by_pattern(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("served by new\n" * 20_000)

    def write() -> None:
        with log.open("a") as file:
            file.write("served by old\nserved by new\nserved by newer\nserved by new\n")

    assert moved(LOG, log=log, meanwhile=write) == (1, 2)
    assert moved(LOG, log=log) == (0, 0)


def test_a_log_that_cannot_be_read_or_was_begun_anew_tells_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert moved(LOG) == moved(LOG, log=log) == (None, None)
    log.write_text("served by old\n" * 3)
    assert moved(LOG, log=log, meanwhile=lambda: log.write_text("served by new\n")) == (None, None)
    assert moved(LOG, log=log, meanwhile=log.unlink) == (None, None)


def test_a_pattern_for_domain_alone_will_do(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    one = SecondWitnessSettings(log=True, legacy="", domain="new")
    assert moved(one, log=log, meanwhile=lambda: log.write_text("new\n")) == (None, 1)


def test_that_there_is_none_can_be_said() -> None:
    with Caller("http://service", Redactor(b"salt")) as caller:
        assert second_witness(SecondWitnessSettings(none=True), caller, None) is None


@pytest.mark.parametrize(
    "line",
    [
        'requests_total{by="new"} ' + "9" * 400,
        "requests_total 1 " + "9" * 400,
        "requests_total 1e300",
        "#" + " " * 200_000 + "x",
    ],
    ids=["long value", "long timestamp", "no count", "blank comment"],
)
def test_a_hostile_line_is_no_count(line: str) -> None:
    assert counter_in(line, "requests_total") is None


def test_the_parser_meets_no_line_that_makes_much_work_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through the rest of a line for every blank in it."""
    met: list[str] = []

    def parsing(text: str) -> Any:
        met.append(text)
        return text_string_to_metric_families(text)

    monkeypatch.setattr(witness, "text_string_to_metric_families", parsing)
    hostile = ["#" + " " * 200_000 + "x", "other_total" + "{" * 9_000, 'requests_total{by="' + "x" * 10_000 + '"} 1']
    assert counter_in("\n".join([*hostile, "requests_total 3"]), "requests_total") == 3
    assert met == ["requests_total 0\n", "requests_total 3\n"]
