"""The command line of a release over days."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

from verification.catalog.load import load_catalog
from verification.core.cases import Catalog
from verification.core.errors import GateError, UsageError
from verification.core.model import Verdict
from verification.core.printable import visible
from verification.core.redact import redact_text
from verification.core.release.view import ReleaseView, last_stage, view_of
from verification.evidence import save
from verification.rollout.arguments import add_arguments
from verification.rollout.call import call_of, next_lines
from verification.rollout.clock import SystemClock
from verification.rollout.ledger import Ledger
from verification.settings import Settings, load_settings

CLOCK = SystemClock()
T = TypeVar("T")


def add_release_commands(commands: Any) -> None:
    """Add what carries a release to the suite's commands."""
    runs = {
        "start": _start,
        "rollback": _rollback,
        "observe": _observe,
        "decide": _decide,
        "feedback": _feedback,
        "status": _status,
        "report": _report,
        "serve": _serve,
        "ledger": _ledger,
    }
    add_arguments(commands, runs)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings with what the command line says of them."""
    overrides: dict[str, Any] = {"run": {"allow_writes": True}} if getattr(options, "allow_writes", False) else {}
    if options.target is not None:
        overrides["target"] = {"url": options.target}
    if options.ledger is not None:
        overrides["release"] = {"ledger": options.ledger}
    return load_settings(options.settings, overrides)


def catalog_of(settings: Settings) -> Catalog:
    """The catalog whose readings are asked."""
    return load_catalog(settings.catalog.path, separate_state=settings.has_separate_state)


def _user(options: argparse.Namespace) -> str:
    if options.who:
        return str(options.who)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def tell(line: str) -> None:
    """A line for the terminal, without secrets and without what steers it."""
    print(visible(redact_text(line)), flush=True)


def _start(options: argparse.Namespace) -> int:
    from verification.rollout import control  # a client, which judging does not wait for

    percent = control.percent_of(options.percent)
    settings = control.allowed(settings_of(options), change_percent=options.allow_percent_change)
    with Ledger(settings.release.ledger) as ledger:
        try:
            done = control.start(settings, ledger, percent, CLOCK, who=_user(options), override=options.override)
        except KeyboardInterrupt:
            last = ledger.standing().started
            tell(f"interrupted: {last.detail if last else 'nothing was moved'}")
            return 2
    for line in done.lines:
        tell(line)
    return 0 if done.is_proven else Verdict.HOLD.exit_code


def _rollback(options: argparse.Namespace) -> int:
    from verification.rollout import control
    from verification.rollout.script import rollback_script

    settings = settings_of(options)
    if options.print_script:
        print(rollback_script(settings), end="")
        return 0
    settings = control.allowed(settings, change_percent=options.allow_percent_change)
    with ExitStack() as opened:
        # Neither of them keeps users on what has failed.
        ledger = _or_none(lambda: opened.enter_context(Ledger(settings.release.ledger)))
        catalog = _or_none(lambda: catalog_of(settings)) or Catalog((), {}, {}, {})
        done = control.rollback(settings, catalog, ledger, CLOCK, who=_user(options), why=options.why)
    for line in done.lines:
        tell(line)
    return 0 if done.is_proven else Verdict.ROLLBACK.exit_code


def _or_none(get: Callable[[], T]) -> T | None:
    """What can be had; why not is told."""
    try:
        return get()
    except GateError as error:
        tell(f"release gate: {error}")
        return None


def _observe(options: argparse.Namespace) -> int:
    from verification.rollout.observe import Observer, pace

    settings = settings_of(options)
    if settings.is_embedded:
        raise UsageError("observe: name the backend of the release with --target URL or as [target] url.")
    with Ledger(settings.release.ledger, create=False) as ledger:
        stage = settings.release.stage(ledger.standing().percent)
        if options.every is not None and stage is not None:
            told, can_pass = pace(settings.release.plan, stage, options.every)
            if not can_pass:
                raise UsageError(str(told))
        observer = Observer(settings, catalog_of(settings), ledger, CLOCK, tell, options.every)
        try:
            found = observer.once() if options.once else observer.run(options.longest)
        except KeyboardInterrupt:
            print("stopped; what was seen is in the ledger, and `observe` goes on from there", file=sys.stderr)
            return 2
    return found.exit_code


def _decide(options: argparse.Namespace) -> int:
    from verification.rollout import verdict

    settings = settings_of(options)
    with Ledger(settings.release.ledger, create=False) as ledger:
        if options.gate_run is not None:
            event = verdict.take_in_run(settings, ledger, options.gate_run.resolve(), CLOCK)
            tell(f"run {event.run_id} at {event.percent} %: {event.verdict}")
        judgement, complaints = verdict.judge_now(settings, ledger, CLOCK)
        if options.decision is not None:
            done = verdict.decide(ledger, CLOCK, options.decision, who=_user(options), why=options.why)
            tell(f"{done.who} decided at {done.percent} %: {done.decision}: {done.why}")
    tell(f"{judgement.percent} %: {judgement.verdict}")
    for line in (*judgement.reasons, *complaints, *next_lines(judgement, call_of(settings))):
        tell(f"  {line}")
    return judgement.verdict.exit_code


def _feedback(options: argparse.Namespace) -> int:
    from verification.rollout import feedback

    settings = settings_of(options)
    with Ledger(settings.release.ledger, create=False) as ledger:
        if options.do == "list":
            for one in ledger.standing().feedback:
                state = "open" if one.resolved is None else f"resolved by {one.resolved.who}: {one.resolved.reason}"
                said = one.added
                tell(f"{said.id}  {said.severity}  {said.endpoint or 'all'}  {said.source}: {said.text}  ({state})")
        elif options.do == "resolve":
            done = feedback.resolve(ledger, CLOCK, options.what, reason=options.reason, who=_user(options))
            tell(f"{done.id} resolved: {done.reason}")
        else:
            words = feedback.words_of(options.do, options.what, options.severity, options.source, options.endpoint)
            added = feedback.add(ledger, CLOCK, words)
            for event in added:
                tell(f"{event.id}  {event.severity}  {event.text}")
            tell(f"{len(added)} added, {len(words) - len(added)} there already")
    return 0


def _view(settings: Settings, percent: int | None) -> ReleaseView:
    with Ledger(settings.release.ledger, create=False) as ledger:
        return view_of(
            ledger.lines(),
            ledger.events(),
            settings.release.plan,
            settings.policy,
            CLOCK.now(),
            percent=percent,
            target=", ".join(settings.target.urls) or "no target is named",
            ledger=str(ledger.path),
            call=call_of(settings),
        )


def _status(options: argparse.Namespace) -> int:
    from verification.reporting.release_status import status_lines

    view = _view(settings_of(options), None)
    for line in status_lines(view, options.lang):
        tell(line)
    return Verdict.INCONCLUSIVE.exit_code if view.wrong else view.judgement.verdict.exit_code


def _report(options: argparse.Namespace) -> int:
    from verification.reporting.release_report import render_release_html, render_release_md

    settings = settings_of(options)
    percent = options.stage
    if percent is None:
        with Ledger(settings.release.ledger, create=False) as ledger:
            percent = last_stage(ledger.standing())
    view = _view(settings, percent)
    folder = options.output or settings.run.report_dir
    name = f"release-{'now' if percent is None else percent}-{options.lang}"
    for ending, text in (
        ("md", render_release_md(view, options.lang)),
        ("html", render_release_html(view, options.lang)),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"{name}.{ending}", text.encode())
        tell(str(folder / f"{name}.{ending}"))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from verification.rollout.serve import serve, token_from

    token = token_from(os.environ, options.token_file)
    serve(settings_of(options), host=options.host, port=options.port, token=token)
    return 0


def _ledger(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    with Ledger(settings.release.ledger, create=False) as ledger:
        if options.do == "export":
            for line in ledger.export():
                print(line)
            return 0
        wrong, lines = ledger.broken(), ledger.lines()
    for line in wrong:
        tell(line)
    last = f", the last with hash {lines[-1].hash}" if lines else ""
    tell(f"{len(lines)} lines{last}: {'whole' if not wrong else 'BROKEN'}")
    return 0 if not wrong else Verdict.INCONCLUSIVE.exit_code
