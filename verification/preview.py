"""The plan of a gate run as pytest sees it: the selected steps, shown instead of taken, or before they write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

from verification.core.expectation import parity_key
from verification.core.plan import Plan
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.drive.draft import Draft
from verification.reporting.plan_text import left_out_lines, plan_lines, writing_lines
from verification.run import OpenRun
from verification.settings import is_loopback

KEYS: dict[str, Callable[[dict[str, Any]], str]] = {
    "test_parity": lambda given: parity_key(given["parity_case"][0].id, given["parity_case"][1].id),
    "test_replay": lambda given: str(given["sequence"].key),
    "test_retry": lambda given: str(given["sequence"].key),
    "test_certificate": lambda given: str(given["sequence"].key),
    "test_search": lambda given: str(given["search_key"]),
    "test_race": lambda given: f"race:{given['race']}",
    "test_exposure": lambda given: f"flag:exposure:{given['percent']}",
    "test_force": lambda given: f"flag:force:{given['percent']}",
    "test_witness": lambda given: f"witness:{given['endpoint'].id}",
    "test_broken_percent_is_refused": lambda _: "flag:refuse",
    "test_rollback_per_request": lambda _: "rollback:request",
    "test_rollback_for_everyone": lambda _: "rollback:global",
    "test_monitoring": lambda _: "monitoring:before",
    "test_latency": lambda given: f"load:{given['percent']}",
}
"""Test of the stage gate -> the evidence that it brings."""


def keys_of(items: Iterable[pytest.Item]) -> frozenset[str]:
    """The evidence that these tests bring; what has nothing to ask brings none."""
    found = [(str(getattr(item, "originalname", item.name)), getattr(item, "callspec", None)) for item in items]
    asking = [(name, spec) for name, spec in found if spec is None or "NOTSET" not in spec.id]
    return frozenset(KEYS[name]({} if spec is None else spec.params) for name, spec in asking)


def plan_of(run: OpenRun, keys: Collection[str], expected: Collection[str]) -> Plan:
    """The plan of these steps of a run, as far as the run owes them; it skips the others."""
    return Draft(run.catalog, run.settings, run.stages, run.replays).plan(set(keys) & set(expected))


def lines_before_writing(run: OpenRun, keys: Collection[str], expected: Collection[str]) -> list[str]:
    """What the run will write to somebody else's machine; nothing to tell where the target is this machine."""
    urls = run.settings.target.urls
    if all(map(is_loopback, urls)):
        return []
    return [*writing_lines(plan_of(run, keys, expected), redact_text(" and ".join(urls))), *_moving_lines(run)]


def _moving_lines(run: OpenRun) -> list[str]:
    """That the run will change the percent of somebody else's backend, and how."""
    if not run.settings.may_change_percent:
        return []
    stages = ", ".join(str(stage) for stage in run.stages)
    way = visible(redact_text(run.settings.percent.told))
    return [f"the percent of the backend is set to {stages} and back at the end, {way}"]


class Preview:
    """Stands in for the gate: the tests are collected, their plan is shown, and none of them is run."""

    def __init__(self, config: pytest.Config, run: OpenRun, expected: Collection[str], omitted: dict[str, str]) -> None:
        self._config, self._run, self._expected, self._omitted = config, run, expected, omitted

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Show the plan of what was selected; returning a value keeps pytest from running it."""
        target = self._run.settings.target
        plan = plan_of(self._run, keys_of(session.items), self._expected)
        lines = plan_lines(plan, redact_text(" and ".join(target.urls)) or "the embedded backend", target.ready)
        lines += _moving_lines(self._run)
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        for line in (*lines, *left_out_lines(self._omitted)):
            reporter.write_line(line)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Nothing was verified and nothing failed."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.OK
