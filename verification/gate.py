"""One gate run as pytest sees it: its options, its campaign, its hooks, and the exit code that it comes to."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from verification.catalog.counterexample import earlier_counterexamples
from verification.core.errors import GateError, TargetError, UsageError
from verification.core.judge import judge_stage
from verification.core.judgement import Judgement
from verification.core.model import Finding, Verdict
from verification.core.printable import block, visible
from verification.core.records import Mishap, RunEnd
from verification.core.redact import redact_text
from verification.drive.campaign import Campaign, Place
from verification.drive.measure import measure_ramp, measure_stage
from verification.drive.named_target import put_back
from verification.evidence import read_manifest, read_run
from verification.preview import keys_of, lines_before_writing
from verification.reporting.terminal import summary_lines
from verification.run import OpenRun, catalog_for, choose_stages, conclude, open_run
from verification.settings import Settings, load_settings, require_allowed_target

SUITE_BROKEN, MISUSED = 1, 2


def read_options(config: pytest.Config) -> tuple[Settings, tuple[int, ...]]:
    """Settings and stages of this call, from file and command line."""
    option = config.option
    run: dict[str, Any] = {
        name: True
        for name in ("quick", "allow_writes", "allow_percent_change", "allow_restart", "allow_destructive")
        if getattr(option, name)
    }
    if option.seed is not None:
        run["seed"] = _whole_number("--seed", option.seed)
    if option.repeat is not None:
        run["repetitions"] = _whole_number("--repeat", option.repeat)
    sequences: dict[str, Any] = {}
    if option.sequences is not None:
        sequences["examples"] = _whole_number("--sequences", option.sequences)
    target: dict[str, Any] = {}
    if option.target is not None:
        target["url"] = option.target
    if option.defect:
        target["defects"] = tuple(option.defect)
    settings = load_settings(
        Path(option.settings) if option.settings else None, {"run": run, "target": target, "sequences": sequences}
    )
    if not option.plan:
        require_allowed_target(settings)
    stages = [_percent(text) for text in option.stage or ()]
    return settings, choose_stages(settings, stages)


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name} {text}: is no whole number.") from None


def _percent(text: str) -> int:
    percent = _whole_number("--stage", text)
    if not 0 <= percent <= 100:
        raise UsageError(f"--stage {text}: is no percent; a whole number from 0 to 100 is.")
    return percent


class Gate:
    """One gate run as pytest sees it, in the controller, in a worker, or in a single process."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings, self.stages = read_options(config)
        self.is_worker = hasattr(config, "workerinput")
        if bool(getattr(config.option, "numprocesses", None)) and self.settings.may_change_percent:
            raise UsageError(
                "--allow-percent-change with -n: one worker would move the backend under another; add -n 0."
            )
        self.is_controller = not self.is_worker and bool(getattr(config.option, "numprocesses", None))
        if self.is_worker:
            work: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]  # set by xdist
            run_dir, worker = Path(work["gate_run_dir"]), str(work["workerid"])
            catalog, _ = catalog_for(self.settings)
            kept, _ = earlier_counterexamples(self.settings.run.report_dir, catalog, os.environ)
            self.run = OpenRun(run_dir, self.settings, catalog, self.stages, tuple(one.sequence for one in kept))
        else:
            asked = Path(config.option.run_dir) if config.option.run_dir else None
            self.run, worker = open_run(self.settings, self.stages, asked), "main"
        self.manifest = read_manifest(self.run.run_dir)
        place = Place(self.run.run_dir, worker, self.manifest.tag)
        self.campaign = Campaign(self.settings, self.run.catalog, place, self.stages)
        self.judgement: Judgement | None = None
        self._latency_asked: set[int] = set()
        self._interrupted = False
        self._rate_per_s: float | None = None
        self._rolled_back_at: int | None = None

    def require_target(self) -> None:
        """A target that cannot be asked is told once, at the start, and stands in the report."""
        if self.is_worker:
            return
        try:
            self.campaign.check()
        except TargetError as error:
            self.campaign.record(Mishap("backend-unready", str(error), self.stages[0]))
            conclude(self.run.run_dir)
            raise

    # -- what the tests call

    def require(self, findings: list[Finding]) -> None:
        """Fail the test with the findings that speak against the release, in words and without a traceback."""
        weighty = [f for f in findings if f.verdict is not Verdict.PROMOTE and f.accepted is None]
        if weighty:
            lines = dict.fromkeys(visible(f"{f.verdict.value} {f.rule}: {f.reason}") for f in weighty)
            pytest.fail("\n".join(lines), pytrace=False)

    def needs(self, key: str) -> None:
        """Skip a test whose evidence this run left out by decision; the report says so too."""
        if key in self.manifest.expected:
            return
        part = key.split(":", maxsplit=1)[0]
        of_part = self.manifest.omitted.get("flag" if part == "rollback" else part, "this run does not owe it")
        pytest.skip(self.manifest.omitted.get(key, of_part))

    def judge_stage(self, percent: int) -> list[Finding]:
        """What speaks against the release in the load of one stage; what is owed by all of them together does not."""
        run = read_run(self.run.run_dir)
        findings = judge_stage(run.evidence, run.catalog, run.policy, percent).findings
        if not self.settings.is_embedded and any(finding.verdict is Verdict.ROLLBACK for finding in findings):
            self._rolled_back_at = percent
        together = {"latency.p95", "latency.interference"}
        return [f for f in findings if not (f.rule in together and f.verdict is Verdict.INCONCLUSIVE)]

    def measure(self, percent: int) -> None:
        """Measure the latency of one stage, alone. Somebody's backend is not taken further than where it failed."""
        if self._rolled_back_at is not None and percent > self._rolled_back_at:
            failed = f"not measured at {percent} %: the load at {self._rolled_back_at} % says ROLLBACK"
            pytest.fail(failed, pytrace=False)
        self.campaign.pause()
        where = (self.settings, self.run.run_dir)
        if percent == 0 and self.settings.load.ramp:
            self._rate_per_s = measure_ramp(*where, self.campaign.record, self.say)
        alone = sum(stage > 0 for stage in self.stages) == 1
        measure_stage(*where, percent, self.campaign.record, self.say, alone=alone, rate_per_s=self._rate_per_s)

    def say(self, text: str) -> None:
        """Progress for the person who waits, past pytest's capturing."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if reporter is None:
            return
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(block(text))
            # In CI the terminal is a pipe; who waits there wants to see the progress too.
            reporter.flush()

    # -- hooks

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """What earlier runs found comes first. Workers leave the latency to the controller and tell it what was
        selected."""
        # Without anything to replay, pytest would show that as a skipped test.
        items[:] = [item for item in items if item.name != "test_replay[NOTSET]"]
        items.sort(key=lambda item: not item.name.startswith("test_replay"))
        if not self.is_worker:
            return
        latency = [item for item in items if item.get_closest_marker("latency_alone")]
        items[:] = [item for item in items if item not in latency]
        config.workeroutput["gate_stages"] = [item.callspec.params["percent"] for item in latency]  # type: ignore[attr-defined]  # set by xdist and parametrize
        config.hook.pytest_deselected(items=latency)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """With workers, nobody knows here what was selected; then all that is owed is told."""
        if self.is_controller:
            self._tell_writes(self.manifest.expected)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What will be written to another machine is told before anything is."""
        if not self.is_worker and not self.is_controller:
            self._tell_writes(keys_of(session.items))

    def _tell_writes(self, keys: Collection[str]) -> None:
        for line in lines_before_writing(self.run, keys, self.manifest.expected):
            self.say(line)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the run's folder is."""
        node.workerinput["gate_run_dir"] = str(self.run.run_dir)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over which stages were selected; a worker that was lost is a mishap."""
        output = getattr(node, "workeroutput", None)
        if error or output is None:
            self.campaign.record(
                Mishap("worker-lost", f"pytest worker {node.gateway.id} was lost: {_last_line(error)}")
            )
            return
        self._latency_asked.update(output.get("gate_stages", ()))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """An exception that no person can mend is a bug of the suite: recorded, and exit code 1."""
        if call.excinfo is not None:
            _hide_in_errors(call.excinfo.value)
        report = yield
        _hide_in_report(report)
        if call.excinfo is not None and not call.excinfo.errisinstance(
            (GateError, AssertionError, pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt)
        ):
            text = redact_text(f"{call.excinfo.typename}: {call.excinfo.value}")
            self.campaign.record(Mishap("suite-error", text[:2000], during=item.name))
        return report  # how pytest's wrappers hand the result on

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Remember that the run was interrupted; what was measured stays."""
        self._interrupted = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Measure what is left, end the backend, judge the folder and set the exit code."""
        try:
            if self.is_controller and not self._interrupted:
                for percent in sorted(self._latency_asked):
                    self.measure(percent)
        except KeyboardInterrupt:
            self._interrupted = True
        except GateError as error:
            self.say(f"release gate: {error}")
        if self._interrupted:
            self.campaign.record(Mishap("interrupted", "the run was interrupted before its end"))
        if not self.is_worker:
            self.campaign.record(RunEnd(datetime.now(UTC)))
        try:
            self.campaign.close()
            if not self.is_worker:
                put_back(self.settings, self.stages[0])
        except GateError as error:
            # Said here, for the evidence is closed: whoever runs the backend must know that it stands elsewhere.
            self.say(f"release gate: the backend was not put back: {error}")
        if not self.is_worker:
            self._finish(session, exitstatus)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        allure_dir = getattr(self.config.option, "allure_report_dir", None)
        try:
            self.judgement = conclude(self.run.run_dir, Path(allure_dir) / "gate" if allure_dir else None)
        except GateError as error:
            self.say(f"release gate: {error}")
            session.exitstatus = SUITE_BROKEN
            return
        broken = any(finding.rule == "mishap.suite-error" for finding in self.judgement.findings)
        if self._interrupted or exitstatus == pytest.ExitCode.INTERRUPTED:
            session.exitstatus = MISUSED
        elif broken or exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            session.exitstatus = SUITE_BROKEN
        elif exitstatus == pytest.ExitCode.USAGE_ERROR:
            session.exitstatus = MISUSED
        else:
            session.exitstatus = self.judgement.verdict.exit_code

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """The verdict, the reasons and the path come last, after pytest's own summary."""
        if self.judgement is None:
            return
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            for line in summary_lines(self.judgement, self.run.run_dir):
                reporter.write_line(line)


def _hide_in_errors(error: BaseException) -> None:
    """Redact what an exception and its causes say, before pytest and its plugins write it down."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        following.args = tuple(redact_text(part) if isinstance(part, str) else part for part in following.args)
        for name in ("strerror", "filename", "filename2", "msg"):
            said = getattr(following, name, None)
            if isinstance(said, str):
                with suppress(AttributeError):
                    setattr(following, name, redact_text(said))
        following = following.__cause__ or following.__context__


def _hide_in_report(report: pytest.TestReport) -> None:
    """The same for what only the report says: exceptions that word themselves anew, and captured output."""
    told = str(report.longrepr or "")
    if report.failed and redact_text(told) != told:
        report.longrepr = redact_text(told)
    report.sections = [(title, redact_text(content)) for title, content in report.sections]


def _last_line(error: object) -> str:
    lines = str(error or "it did not say why").strip().splitlines()
    return redact_text(lines[-1]) if lines else "it did not say why"
