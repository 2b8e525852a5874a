"""What may stand behind each command of a release on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Run = Callable[[argparse.Namespace], int]
Add = Callable[[str, str], argparse.ArgumentParser]


def add_arguments(commands: Any, runs: Mapping[str, Run]) -> None:
    """Add what carries a release to the suite's commands; `runs` says by the name of a command what it does."""
    add = partial(_command, commands, runs)
    begin = _command(
        commands, runs, "start", "put the backend at the next percent of the plan, and prove that it is there"
    )
    begin.add_argument("percent", metavar="PERCENT", help="a stage of the plan, 1 to 100")
    begin.add_argument("--override", metavar="REASON", help="pass over the order of the plan; is written down")
    _mover(begin)
    back = add("rollback", "bring every request back to the old implementation, and prove it")
    back.add_argument("--why", default="on command", metavar="TEXT", help="is written down")
    back.add_argument("--print-script", action="store_true", help="print a shell script that does it without the suite")
    _mover(back)
    watch = add("observe", "look at the backend while a stage runs; the plan says how often")
    watch.add_argument("--once", action="store_true", help="take the look that is due and end, for cron")
    watch.add_argument("--every", type=_duration, metavar="TIME", help="look no more often than this")
    watch.add_argument("--for", dest="longest", type=_duration, metavar="TIME", help="such as 2d (default: for ever)")
    watch.add_argument("--allow-writes", action="store_true", help="where looks write: also elsewhere than here")
    choose = _command(
        commands, runs, "decide", "judge the present stage now; write down a run of the gate, or a decision"
    )
    choose.add_argument("--run", dest="gate_run", type=Path, metavar="RUN", help="folder of a run of the gate")
    choose.add_argument(
        "--as", dest="decision", choices=("promote", "hold", "again", "roll-back"), help="your decision"
    )
    choose.add_argument("--why", default="", metavar="TEXT", help="why, with --as")
    _who(choose)
    _add_feedback(add)
    shown = _command(
        commands, runs, "status", "where the release stands: stages, window, evidence, verdict, what comes next"
    )
    shown.add_argument("--lang", choices=("en", "zh"), default="en")
    told = add("report", "write the execution report of a stage, as Markdown and as a page")
    told.add_argument("--stage", type=int, metavar="PERCENT", help="default: the one that runs, or ran last")
    told.add_argument("--lang", choices=("en", "zh"), default="en")
    told.add_argument("--output", type=Path, metavar="DIR", help="default: [run] report_dir, reports")
    asked = add("serve", "answer Argo Rollouts, Flagger and Prometheus from what was written down")
    asked.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="another than this machine needs a token")
    asked.add_argument("--port", type=int, default=8787, help="default: %(default)s")
    asked.add_argument("--token-file", type=Path, metavar="FILE", help="default: the variable RELEASE_GATE_TOKEN")
    book = add("ledger", "check or export what was written down")
    book.add_argument("do", choices=("verify", "export"), help="verify the chain, or export it as JSON lines")


def _command(commands: Any, runs: Mapping[str, Run], name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: rollout.toml)")
    parser.add_argument("--target", metavar="URL", help="the backend of the release")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="default: [release] ledger, release.sqlite")
    parser.set_defaults(run=runs[name])
    return parser


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", default=None, metavar="NAME", help="is written down (default: your user name)")


def _mover(parser: argparse.ArgumentParser) -> None:
    _who(parser)
    parser.add_argument("--allow-percent-change", action="store_true", help="also where it is not this machine")


def _add_feedback(add: Add) -> None:
    parser = add("feedback", "what users say: add, import, list, resolve")
    parser.add_argument("do", choices=("add", "import", "list", "resolve"))
    parser.add_argument("what", nargs="?", default="", metavar="TEXT|FILE|ID", help="words, a file, or an id")
    parser.add_argument("--severity", choices=("serious", "minor"), default="minor")
    parser.add_argument("--endpoint", metavar="ENDPOINT", help='for example "GET /cameras/{id}/stats"')
    parser.add_argument("--source", default="a person", metavar="NAME", help="who said it")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why it stands in the way no more")
    _who(parser)


def _duration(text: str) -> timedelta:
    """A time such as 90m, 1h, 2d or 1w."""
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and 0 < int(number) < 100_000:
        return timedelta(**{_UNITS[unit]: int(number)})
    raise argparse.ArgumentTypeError(f"{text!r} is no time; 30m, 1h, 2d or 1w are")
