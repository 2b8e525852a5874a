"""The pytest side: options, what is collected, one campaign per process, and the verdict as exit code.

With xdist, each worker compares against a backend of its own. Latency is never measured beside other work, so
the controller measures it alone after the last worker has ended.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from verification.catalog.load import load_catalog
from verification.core.cases import Catalog
from verification.core.errors import GateError, TargetError, UsageError
from verification.core.expectation import owed, parity_key
from verification.core.judge import judge_stage
from verification.core.judgement import Judgement
from verification.core.model import Finding, Verdict
from verification.core.records import Mishap
from verification.core.redact import redact_text
from verification.drive.campaign import Campaign, Place
from verification.drive.measure import measure_stage
from verification.evidence import read_run
from verification.reporting.terminal import summary_lines
from verification.run import OpenRun, choose_stages, conclude, open_run, scope_of
from verification.settings import Settings, load_settings, require_allowed_target

STAGE_GATE_DIR = Path(__file__).resolve().parent / "stage_gate"
MARKER = "stage_gate"
SUITE_BROKEN, MISUSED = 1, 2
_GATE = pytest.StashKey["Gate"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the gate; `--stage 101` and the like are refused before anything starts."""
    group = parser.getgroup("release gate", "release gate (with -m stage_gate)")
    group.addoption("--target", metavar="URL", help="backend to verify; without it the embedded one is started")
    group.addoption("--stage", action="append", metavar="PERCENT", help="measure this stage only (repeatable)")
    group.addoption("--quick", action="store_true", help="a shorter run that says what it left out")
    group.addoption("--seed", metavar="N", help="seed of everything that is drawn")
    group.addoption("--run-dir", metavar="DIR", help="folder of this run (default: reports/<time>)")
    group.addoption("--settings", metavar="FILE", help="settings file (default: rollout.toml)")
    group.addoption("--defect", action="append", metavar="NAME", help="seed a defect into the embedded backend")
    group.addoption("--allow-writes", action="store_true", help="allow writes to a target that is not this machine")
    group.addoption("--allow-percent-change", action="store_true", help="allow changing the percent of a named target")
    group.addoption("--allow-restart", action="store_true", help="allow restarting a named target")


def pytest_configure(config: pytest.Config) -> None:
    """Open the run, or refuse with one clear message and exit code 2."""
    if not _is_gate_run(config) or config.option.collectonly:
        return
    try:
        gate = Gate(config)
        gate.require_target()
    except TargetError as error:
        pytest.exit(f"release gate: {error}", returncode=Verdict.INCONCLUSIVE.exit_code)
    except GateError as error:
        pytest.exit(f"release gate: {error}", returncode=MISUSED)
    config.stash[_GATE] = gate
    if gate.is_controller:
        _join_values(config)
    config.pluginmanager.register(gate, "release-gate")


def _join_values(config: pytest.Config) -> None:
    """Workers get this call's words again, and there `--run-dir DIR` would move pytest's root to DIR: it exists now."""
    given = config.invocation_params
    words: list[str] = []
    for word in map(str, given.args):
        if words and words[-1] in ("--run-dir", "--settings"):
            words[-1] = f"{words[-1]}={word}"
        else:
            words.append(word)
    config.invocation_params = config.InvocationParams(args=words, plugins=given.plugins, dir=given.dir)


def _is_gate_run(config: pytest.Config) -> bool:
    if MARKER in (config.option.markexpr or ""):
        return f"not {MARKER}" not in config.option.markexpr
    return any(_inside_stage_gate(Path(str(argument).split("::")[0])) for argument in config.invocation_params.args)


def _inside_stage_gate(path: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(STAGE_GATE_DIR)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A gate run collects the stage gate only; any other run everything but it."""
    inside = collection_path.resolve().is_relative_to(STAGE_GATE_DIR)
    if _is_gate_run(config):
        leads_there = STAGE_GATE_DIR.is_relative_to(collection_path.resolve())
        return None if inside or leads_there else True
    return True if inside else None


def read_options(config: pytest.Config) -> tuple[Settings, tuple[int, ...]]:
    """Settings and stages of this call, from file and command line."""
    option = config.option
    run: dict[str, Any] = {
        name: True
        for name in ("quick", "allow_writes", "allow_percent_change", "allow_restart")
        if getattr(option, name)
    }
    if option.seed is not None:
        run["seed"] = _whole_number("--seed", option.seed)
    target: dict[str, Any] = {}
    if option.target is not None:
        target["url"] = option.target
    if option.defect:
        target["defects"] = tuple(option.defect)
    settings = load_settings(Path(option.settings) if option.settings else None, {"run": run, "target": target})
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
        self.is_controller = not self.is_worker and bool(getattr(config.option, "numprocesses", None))
        if self.is_worker:
            work: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]  # set by xdist
            run_dir, worker = Path(work["gate_run_dir"]), str(work["workerid"])
            self.run = OpenRun(run_dir, self.settings, load_catalog(), self.stages)
        else:
            asked = Path(config.option.run_dir) if config.option.run_dir else None
            self.run, worker = open_run(self.settings, self.stages, asked), "main"
        self.campaign = Campaign(self.settings, self.run.catalog, Place(self.run.run_dir, worker), self.stages)
        self.manifest = read_run(self.run.run_dir).evidence.manifest
        self.judgement: Judgement | None = None
        self._latency_asked: set[int] = set()
        self._interrupted = False

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
            lines = dict.fromkeys(f"{f.verdict.value} {f.rule}: {f.reason}" for f in weighty)
            pytest.fail("\n".join(lines), pytrace=False)

    def needs(self, key: str) -> None:
        """Skip a test whose evidence this run left out by decision; the report says so too."""
        if key in self.manifest.omitted:
            pytest.skip(self.manifest.omitted[key])

    def judge_stage(self, percent: int) -> list[Finding]:
        """What speaks against the release in the load of one stage; each endpoint is proven over all stages only."""
        run = read_run(self.run.run_dir)
        findings = judge_stage(run.evidence, run.catalog, run.policy, percent).findings
        return [f for f in findings if not (f.rule == "latency.p95" and f.verdict is Verdict.INCONCLUSIVE)]

    def measure(self, percent: int) -> None:
        """Measure the latency of one stage, alone."""
        self.campaign.pause()
        measure_stage(self.settings, self.run.run_dir, percent, self.campaign.record, self.say)

    def say(self, text: str) -> None:
        """Progress for the person who waits, past pytest's capturing."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if reporter is None:
            return
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)
            # In CI the terminal is a pipe; who waits there wants to see the progress too.
            reporter.flush()

    # -- hooks

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Workers leave the latency to the controller and tell it what was selected."""
        if not self.is_worker:
            return
        latency = [item for item in items if item.get_closest_marker("latency_alone")]
        items[:] = [item for item in items if item not in latency]
        config.workeroutput["gate_stages"] = [item.callspec.params["percent"] for item in latency]  # type: ignore[attr-defined]  # set by xdist and parametrize
        config.hook.pytest_deselected(items=latency)

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
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """An exception that no person can mend is a bug of the suite: recorded, and exit code 1."""
        report = yield
        if call.excinfo is not None and not call.excinfo.errisinstance(
            (GateError, AssertionError, pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt)
        ):
            text = f"{call.excinfo.typename}: {call.excinfo.value}"
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
        self.campaign.close()
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


@pytest.fixture(autouse=True)
def _one_at_a_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Workers take turns on a named target: a case must not see what another worker does to the state."""
    gate = request.config.stash.get(_GATE, None)
    if gate is None or not gate.is_worker or gate.manifest.owned:
        yield
        return
    with (gate.run.run_dir / "turn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_line(error: object) -> str:
    lines = str(error or "it did not say why").strip().splitlines()
    return redact_text(lines[-1]) if lines else "it did not say why"


def gate_of(config: pytest.Config) -> Gate:
    """The gate of this process; only in a gate run."""
    return config.stash[_GATE]


@pytest.fixture(scope="session")
def gate(pytestconfig: pytest.Config) -> Gate:
    """The gate run: its campaign against the target and what a test requires of the findings."""
    return gate_of(pytestconfig)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases and percents of this run as parameters with ids that read well; `--collect-only` lists them too."""
    config = metafunc.config
    if not (_inside_stage_gate(Path(metafunc.definition.path)) and _is_gate_run(config)):
        return
    catalog, expected, stages = _plan(config)
    if "parity_case" in metafunc.fixturenames:
        pairs = [
            (endpoint, case)
            for endpoint in catalog.endpoints
            for case in endpoint.cases
            if parity_key(endpoint.id, case.id) in expected
        ]
        metafunc.parametrize("parity_case", pairs, ids=[f"{endpoint.id}-{case.id}" for endpoint, case in pairs])
    if "percent" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("latency_alone") is not None
        metafunc.parametrize("percent", [p for p in stages if not alone or f"load:{p}" in expected])


def _plan(config: pytest.Config) -> tuple[Catalog, frozenset[str], tuple[int, ...]]:
    if _GATE in config.stash:
        gate = gate_of(config)
        return gate.run.catalog, frozenset(gate.manifest.expected), gate.stages
    try:
        settings, stages = read_options(config)
        catalog = load_catalog()
    except GateError as error:
        pytest.exit(f"release gate: {error}", returncode=MISUSED)
    return catalog, frozenset(owed(catalog, scope_of(settings, stages))[0]), stages
