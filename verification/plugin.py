"""The pytest side: options, what is collected, one campaign per process, and the verdict as exit code.

With xdist, each worker compares against a backend of its own. Latency is never measured beside other work, so
the controller measures it alone after the last worker has ended.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from verification.catalog.sequences import sequences_of
from verification.core.cases import Catalog
from verification.core.errors import GateError, TargetError
from verification.core.expectation import owed, parity_key, search_keys
from verification.core.model import Verdict
from verification.core.sequences import Sequence
from verification.gate import MISUSED, Gate, read_options
from verification.preview import Preview
from verification.run import catalog_for, preview_run, scope_of

STAGE_GATE_DIR = Path(__file__).resolve().parent / "stage_gate"
MARKER = "stage_gate"
_Plan = tuple[Catalog, frozenset[str], tuple[int, ...], tuple[Sequence, ...]]
_GATE = pytest.StashKey["Gate"]()
_PREVIEWED = pytest.StashKey[_Plan]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the gate; `--stage 101` and the like are refused before anything starts."""
    group = parser.getgroup("release gate", "release gate (with -m stage_gate)")
    group.addoption("--target", metavar="URL", help="backend to verify; without it the embedded one is started")
    group.addoption("--stage", action="append", metavar="PERCENT", help="measure this stage only (repeatable)")
    group.addoption("--quick", action="store_true", help="a shorter run that says what it left out")
    group.addoption("--seed", metavar="N", help="seed of everything that is drawn")
    group.addoption("--repeat", metavar="N", help="compare every case N times (default: 1)")
    group.addoption("--sequences", metavar="N", help="draw so many sequences of calls (default 30)")
    group.addoption("--plan", action="store_true", help="show every request that the run would send, and send none")
    group.addoption("--run-dir", metavar="DIR", help="folder of this run (default: reports/<time>)")
    group.addoption("--settings", metavar="FILE", help="settings file (default: rollout.toml)")
    group.addoption("--defect", action="append", metavar="NAME", help="seed a defect into the embedded backend")
    group.addoption("--allow-writes", action="store_true", help="allow writes to a target that is not this machine")
    group.addoption("--allow-percent-change", action="store_true", help="allow changing the percent of a named target")
    group.addoption("--allow-destructive", action="store_true", help="ask a named target what may harm it, too")
    group.addoption("--allow-restart", action="store_true", help="allow restarting a named target")


def pytest_configure(config: pytest.Config) -> None:
    """Open the run, or refuse with one clear message and exit code 2."""
    if not _is_gate_run(config) or config.option.collectonly:
        return
    if config.option.plan:
        _show_plan(config)
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


def _show_plan(config: pytest.Config) -> None:
    """Collect what would be run, and show what it would send. One process is enough for that."""
    config.option.dist, config.option.tx, config.option.numprocesses = "no", [], None
    try:
        settings, stages = read_options(config)
        run, omitted = preview_run(settings, stages)
    except GateError as error:
        pytest.exit(f"release gate: {error}", returncode=MISUSED)
    expected = frozenset(owed(run.catalog, scope_of(settings, stages, run.replays))[0])
    config.stash[_PREVIEWED] = run.catalog, expected, stages, run.replays
    config.pluginmanager.register(Preview(config, run, expected, omitted), "release-gate-preview")


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
        cap = gate.settings.limits.max_rate_per_s
        if cap is not None and not gate.settings.is_embedded:
            time.sleep(1.0 / cap)  # each worker paces its own requests only


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
    catalog, expected, stages, replays = _plan(config)
    if "parity_case" in metafunc.fixturenames:
        pairs = [
            (endpoint, case)
            for endpoint in catalog.endpoints
            for case in endpoint.cases
            if parity_key(endpoint.id, case.id) in expected
        ]
        metafunc.parametrize("parity_case", pairs, ids=[f"{endpoint.id}-{case.id}" for endpoint, case in pairs])
    if "sequence" in metafunc.fixturenames:
        kind = metafunc.function.__name__.removeprefix("test_")
        known = [sequence for sequence in sequences_of(catalog, kind, replays) if sequence.key in expected]
        metafunc.parametrize("sequence", known, ids=[_id_of(sequence.key) for sequence in known])
    if "search_key" in metafunc.fixturenames:
        keys = [key for key in search_keys(catalog) if key in expected]
        metafunc.parametrize("search_key", keys, ids=[_id_of(key) for key in keys])
    if "endpoint" in metafunc.fixturenames:
        asked = [endpoint for endpoint in catalog.endpoints if f"witness:{endpoint.id}" in expected]
        metafunc.parametrize("endpoint", asked, ids=[endpoint.id for endpoint in asked])
    if "race" in metafunc.fixturenames:
        metafunc.parametrize("race", [name for name in catalog.races if f"race:{name}" in expected])
    if "percent" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("latency_alone") is not None
        part = "load" if alone else metafunc.function.__name__.replace("test_", "flag:")
        metafunc.parametrize("percent", [p for p in stages if f"{part}:{p}" in expected])


def _id_of(key: str) -> str:
    """The key without its kind, which the test's name says already."""
    return key.split(":", 1)[1]


def _plan(config: pytest.Config) -> _Plan:
    if _PREVIEWED in config.stash:
        return config.stash[_PREVIEWED]
    if _GATE in config.stash:
        gate = gate_of(config)
        return gate.run.catalog, frozenset(gate.manifest.expected), gate.stages, gate.run.replays
    try:
        settings, stages = read_options(config)
        catalog, _ = catalog_for(settings)
    except GateError as error:
        pytest.exit(f"release gate: {error}", returncode=MISUSED)
    return catalog, frozenset(owed(catalog, scope_of(settings, stages))[0]), stages, ()
