"""`python -m verification`: judge a run again, clean up after it, replay a sequence, learn masks, see the catalog,
write a first one; and carry a release over days."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from verification.catalog.load import load_catalog
from verification.core.errors import EvidenceError, GateError
from verification.core.model import Verdict
from verification.core.printable import block
from verification.reporting.counterexamples import commands
from verification.reporting.plain import visible
from verification.reporting.terminal import summary_lines
from verification.rollout.commands import add_release_commands
from verification.run import conclude
from verification.settings import load_settings

MISUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (the verdict's for `judge`, 2 for a mistake in the call)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except GateError as error:
        print(f"release gate: {error}", file=sys.stderr)
        return MISUSED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m verification", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    judge = commands.add_parser("judge", help="recompute the verdict and the reports of a run from its folder alone")
    judge.add_argument("run_dir", type=Path, metavar="RUN", help="for example reports/latest")
    judge.set_defaults(run=_judge)
    catalog = commands.add_parser("catalog", help="check the catalog and list its endpoints and cases")
    catalog.add_argument("--file", type=Path, default=None, metavar="DIR", help="another catalog than the shipped one")
    catalog.set_defaults(run=_catalog)
    again = commands.add_parser("replay", help="walk one counterexample again; red where the release still diverges")
    again.add_argument("file", type=Path, metavar="FILE", help="for example reports/latest/counterexamples/1a2b.json")
    again.add_argument("--target", metavar="URL", help="backend to verify; without it the embedded one is started")
    again.add_argument("--defect", action="append", metavar="NAME", help="seed a defect into the embedded backend")
    again.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: rollout.toml)")
    again.add_argument("--allow-writes", action="store_true", help="allow writes to a target that is not this machine")
    again.set_defaults(run=_replay)
    clean = commands.add_parser("cleanup", help="remove what a run has left on its target, also after a crash")
    clean.add_argument("run_dir", type=Path, metavar="RUN", help="for example reports/latest")
    clean.add_argument("--target", metavar="URL", help="the run's target, where its credentials are needed again")
    clean.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: rollout.toml)")
    clean.add_argument("--allow-writes", action="store_true", help="allow writes to a target that is not this machine")
    clean.set_defaults(run=_cleanup)
    learn = commands.add_parser("learn-masks", help="propose masks for what differs by itself; changes nothing")
    learn.add_argument("run_dir", type=Path, metavar="RUN", help="for example reports/latest")
    learn.add_argument("--owner", metavar="NAME", help="who answers for the masks")
    learn.add_argument("--catalog", type=Path, metavar="DIR", help="another catalog than the shipped one")
    learn.set_defaults(run=_learn)
    _add_init(commands)
    add_release_commands(commands)
    return parser


def _add_init(commands: Any) -> None:
    first = commands.add_parser("init", help="write a first catalog for a service of your own; a person then edits it")
    add = first.add_argument
    add(
        "--openapi",
        action="append",
        default=[],
        metavar="URL-or-FILE",
        help="OpenAPI 3.0 or 3.1 or Swagger 2.0, JSON or YAML",
    )
    add("--har", action="append", default=[], type=Path, metavar="FILE", help="recorded traffic, as a browser saves it")
    add("--access-log", action="append", default=[], type=Path, metavar="FILE", help="weights for the load")
    add("--more-cases", type=int, default=0, metavar="N", help="further cases for each endpoint, drawn by Schemathesis")
    add("--seed", type=int, default=1, metavar="N", help="of what is drawn")
    add("--without", action="append", default=[], metavar="NAME", help="query parameter that no case should hold")
    add("--owner", metavar="NAME", help="who answers for the masks")
    add("--output", type=Path, default=Path("catalog"), metavar="DIR", help="folder to write (default: catalog)")
    add("--force", action="store_true", help="overwrite what an earlier init wrote there")
    first.set_defaults(run=_init)


def _judge(options: argparse.Namespace) -> int:
    run_dir: Path = options.run_dir
    if not run_dir.is_dir():
        raise EvidenceError(f"{run_dir}: is no folder of a run. Name one below reports/, for example reports/latest.")
    judgement = conclude(run_dir.resolve())
    for line in summary_lines(judgement, run_dir):
        print(line)
    return judgement.verdict.exit_code


def _replay(options: argparse.Namespace) -> int:
    from verification.replay import replay  # a client and a generator, which judging does not wait for

    target: dict[str, object] = {} if options.target is None else {"url": options.target}
    if options.defect:
        target["defects"] = tuple(options.defect)
    run = {"allow_writes": True} if options.allow_writes else {}
    done = replay(options.file, load_settings(options.settings, {"target": target, "run": run}))
    for counterexample in done.judgement.counterexamples:
        print("\n".join(commands(counterexample, done.judgement.manifest)))
    if done.judgement.verdict is Verdict.PROMOTE:
        print("equal: this sequence shows no divergence here. Nothing else was asked.")
        return 0
    for line in summary_lines(done.judgement, done.run_dir):
        print(line)
    return done.judgement.verdict.exit_code


def _cleanup(options: argparse.Namespace) -> int:
    from verification.cleanup import clean_up, cleanup_lines

    done = clean_up(
        options.run_dir.resolve(),
        target=options.target,
        settings_file=options.settings,
        allow_writes=options.allow_writes,
    )
    for line in cleanup_lines(done):
        print(visible(line))
    return 0 if done.is_complete else Verdict.INCONCLUSIVE.exit_code


def _learn(options: argparse.Namespace) -> int:
    from verification.learn import learn_masks, lesson_lines

    for line in lesson_lines(learn_masks(options.run_dir, options.owner, options.catalog)):
        print(block(line))
    return 0


def _init(options: argparse.Namespace) -> int:
    from verification.init import Sources, write_first_catalog

    sources = Sources(
        tuple(options.openapi), tuple(options.har), tuple(options.access_log), options.more_cases, options.seed,
        tuple(options.without), options.owner,
    )  # fmt: skip
    for line in write_first_catalog(sources, options.output, force=options.force):
        print(line)
    return 0


def _catalog(options: argparse.Namespace) -> int:
    catalog = load_catalog(options.file)
    for endpoint in catalog.endpoints:
        by_hand = sum(not case.derived for case in endpoint.cases)
        derived = len(endpoint.cases) - by_hand
        print(f"{endpoint.id}  ({by_hand} cases, {derived} derived, weight {endpoint.load.weight:g})")
        for case in endpoint.cases:
            print(f"    {case.id}  {case.title}")
    for endpoint_id, reason in catalog.disabled.items():
        print(f"{endpoint_id}  disabled: {reason}")
    return 0
