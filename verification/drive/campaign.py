"""One run against one target: every step writes its evidence before it returns what the judge thinks of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verification.core.cases import Case, Catalog, Endpoint
from verification.core.divergence import judge_sequence
from verification.core.errors import TargetError
from verification.core.hygiene import without_expired
from verification.core.journal import forget
from verification.core.judge.sequences import judge_search
from verification.core.model import Arm, Finding, Request
from verification.core.outcome import case_findings
from verification.core.records import (
    Drill,
    Exposure,
    ForcedCall,
    Leftover,
    LogTail,
    Mishap,
    Monitoring,
    RaceRound,
    Record,
    Usage,
    WitnessCheck,
)
from verification.core.redact import Redactor
from verification.core.sequences import Sequence
from verification.drive import flag
from verification.drive.caller import Caller
from verification.drive.connect import connect
from verification.drive.named_target import NamedTarget
from verification.drive.probe import Prober
from verification.drive.race import Racer
from verification.drive.search import Search
from verification.drive.sequence import Walker, keepable
from verification.drive.target import EmbeddedTarget, Target
from verification.drive.witness import check, second_witness
from verification.evidence import EvidenceWriter
from verification.journal import JournalWriter
from verification.settings import Settings

_LOG_LINES = 40
# Time is not compared here, so the embedded backend need not wait as long for its simulated devices.
_COMPARISON_DEVICE_SCALE = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where a campaign works: the run's folder, and the name of the process that writes there."""

    run_dir: Path
    worker: str
    tag: str = "untagged"
    """The run's own part of every name that is made on the target."""


class Campaign:
    """Compares, drills and watches one target. The backend is started at the first step that needs it."""

    def __init__(self, settings: Settings, catalog: Catalog, place: Place, stages: tuple[int, ...]) -> None:
        self.settings, self.place, self.stages = settings, place, stages
        # What is told while the run goes on must not lean on a mask that the verdict no longer knows.
        self.catalog = without_expired(catalog, datetime.now(UTC).date())
        self._redactor = Redactor(secrets.token_bytes(32))
        self._writer = EvidenceWriter(place.run_dir, place.worker)
        # What is made on a backend of ours ends with it.
        self._journal = None if settings.is_embedded else JournalWriter(place.run_dir, place.worker)
        self._connections = 0
        self._target: Target | None = None
        self._caller: Caller | None = None
        self._prober: Prober | None = None
        self._percent: int | None = None
        self._leftover: list[str] = []
        self.restart_s = 0.0

    def check(self) -> None:
        """See that the target can be asked at all; TargetError says why not, and what is valid."""
        target = self._make_target()
        try:
            if isinstance(target, EmbeddedTarget):
                target.require_known_defects()
            else:
                target.set_percent(self.stages[0])
        finally:
            target.close()

    @property
    def comparison_percent(self) -> int:
        """The percent at which cases are compared: the arm is forced, so any real stage will do."""
        return next((percent for percent in self.stages if percent > 0), self.stages[0])

    def at(self, percent: int) -> None:
        """Have the target at a percent, started or restarted where it is ours. A dead backend is a mishap, once."""
        if self._target is None:
            self._target = self._make_target()
        if self._percent == percent and self._caller is not None:
            death = self._target.death()
            if death is not None:
                raise TargetError(death)
            return
        try:
            self.restart_s = self._target.set_percent(percent)
        except TargetError as error:
            self.record(Mishap("backend-unready", str(error), percent))
            raise
        self._percent = percent
        self._let_go()
        self._caller = connect(self.settings, self._target.base_url, self._redactor)
        self._connections += 1
        tag = f"{self.place.tag}-{self.place.worker}{self._connections:03d}"
        note = forget if self._journal is None else self._journal.note
        self._prober = Prober(self._caller, self.catalog, tag, self.settings.run.seed, note)

    def _make_target(self) -> Target:
        target = self.settings.target
        if not self.settings.is_embedded:
            return NamedTarget(self.settings, self.stages[0])
        return EmbeddedTarget(
            defects=target.defects,
            device_scale=_COMPARISON_DEVICE_SCALE,
            seed=self.settings.run.seed,
            shape=target.shape,
            database_environment=target.database_environment,
        )

    @property
    def caller(self) -> Caller:
        """The open connection; only after `at`."""
        if self._caller is None:
            raise TargetError("no backend was started for this step")
        return self._caller

    @property
    def prober(self) -> Prober:
        """The prober of the present backend; only after `at`."""
        if self._prober is None:
            raise TargetError("no backend was started for this step")
        return self._prober

    def record(self, *records: Record) -> None:
        """Put evidence on the disk."""
        for record in records:
            self._writer.append(keepable(record))

    def compare(self, endpoint: Endpoint, case: Case) -> list[Finding]:
        """Compare one case as often as the run repeats it; returns the findings of all repetitions and attempts."""
        repetitions = []
        for repetition in range(1, self.settings.run.repetitions + 1):
            self.at(self.comparison_percent)
            attempts = self.prober.compare(endpoint, case, repetition)
            self.record(*(comparison for comparison, _ in attempts))
            self._note_death(f"{endpoint.id} {case.id}")
            repetitions.append([outcome for _, outcome in attempts])
            if self.is_dead():
                break
        return case_findings(repetitions)

    def is_dead(self) -> bool:
        """True when a backend of ours has ended by itself: nothing more can be asked of it."""
        return self._target is not None and self._percent is not None and self._target.death() is not None

    def _note_death(self, during: str) -> None:
        death = self._target.death() if self._target is not None and self._target.owned else None
        if death is not None:
            self.record(Mishap("backend-died", death, self._percent, during))

    def expose(self, percent: int) -> Exposure:
        """Measure the share of unforced requests at a percent."""
        self.at(percent)
        exposure = flag.measure_exposure(self.caller, percent, self.settings.arm.probe)
        self.record(exposure)
        return exposure

    def force(self, percent: int) -> list[ForcedCall]:
        """Force both arms on every endpoint at a percent."""
        self.at(percent)
        calls = []
        for call in flag.forced_calls(self.prober, self.catalog, percent):
            self.record(call)
            calls.append(call)
        return calls

    def refuse(self) -> Drill:
        """Try broken percents on a backend that is ours."""
        if self._target is None:
            self._target = self._make_target()
        if not isinstance(self._target, EmbeddedTarget):
            raise TargetError("broken percents are tried on the embedded backend only")
        drill = flag.refuse_broken_percents(self._target)
        self.record(drill)
        return drill

    def roll_back_by_request(self) -> Drill:
        """Drill the instant way back at the highest stage."""
        percent = self.stages[-1]
        self.at(percent)
        calls, drill = flag.roll_back_by_request(self.prober, self.catalog, percent)
        self.record(*calls, drill)
        return drill

    def roll_back_globally(self) -> tuple[Drill, Monitoring]:
        """Drill the way back for everyone: from the highest stage to 0 %, with the same state."""
        self.at(self.stages[-1])
        self.at(0)
        calls, drill = flag.roll_back_globally(self.prober, self.catalog, 0, self.restart_s)
        monitoring = self._look("rolled-back", 0)
        self.record(*calls, drill, monitoring)
        return drill, monitoring

    def watch(self, moment: str) -> Monitoring:
        """Read the two monitoring endpoints."""
        self.at(self.comparison_percent)
        monitoring = self._look(moment, self.comparison_percent)
        self.record(monitoring)
        return monitoring

    def _look(self, moment: str, percent: int) -> Monitoring:
        paths = self.settings.monitoring
        health, metrics = (
            self.caller.call(Request("GET", path), Arm.CONTROL, force=False) for path in (paths.health, paths.metrics)
        )
        return Monitoring(moment, percent, health, metrics)

    def use(self) -> list[Usage]:
        """Hold the backend's usage counters against the witness."""
        self.at(self.comparison_percent)
        paths = self.settings.arm.probe, self.settings.monitoring.metrics
        usage = flag.measure_usage(self.caller, self.comparison_percent, *paths)
        self.record(*usage)
        return usage

    def witness(self, endpoint: Endpoint) -> WitnessCheck:
        """Hold the witnesses of one endpoint against each other."""
        self.at(self.comparison_percent)
        log_path = self._target.log_path if self._target is not None else None
        second = second_witness(self.settings.witness.second, self.caller, log_path)
        found = check(self.prober, endpoint, self.comparison_percent, second)
        self.record(found)
        self._note_death(f"witness {endpoint.id}")
        return found

    def race(self, name: str) -> list[RaceRound]:
        """Run all rounds of one race of the catalog."""
        self.at(self.comparison_percent)
        racer = Racer(self.caller, self.catalog, self.prober.workshop)
        rounds = racer.run(self.catalog.races[name])
        self.record(*rounds)
        self._note_death(f"race {name}")
        return rounds

    def walk(self, sequence: Sequence) -> list[Finding]:
        """Walk through one sequence on both sides; returns what the judge thinks of it."""
        self.at(self.comparison_percent)
        comparison, outcome = self._walker().compare(sequence)
        self.record(comparison)
        self._note_death(sequence.key)
        return list(outcome.findings)

    def search(self, key: str) -> list[Finding]:
        """Look for a sequence that diverges; what is found is kept as a counterexample in the run's folder."""
        self.at(self.comparison_percent)
        hunt = Search.of(key, self.catalog, self.settings, self._walker().compare, self.record)
        summary, telling = hunt.run()
        self.record(summary)
        self._note_death(key)
        told = [] if telling is None else judge_sequence(self.catalog, telling).findings
        return [*judge_search(summary), *told]

    def _walker(self) -> Walker:
        return Walker(self.caller, self.catalog, self.prober.workshop)

    def pause(self) -> None:
        """End the backend for now, so that it takes no processor time from a measurement; the next step starts it."""
        self._let_go()
        if self._target is not None and self._target.owned:
            self._keep_log()
            self._target.stop()
            self._percent = None
        elif isinstance(self._target, NamedTarget):
            self._target.forget()  # the measurement moves it by itself
            self._percent = None

    def _keep_log(self) -> None:
        text = self._target.log_text() if self._target is not None else ""
        if text:
            lines = text.splitlines()
            words = self.settings.target.words_of_a_fallback
            count = sum(words in line for line in lines)
            self.record(LogTail(self._percent or 0, count, tuple(lines[-_LOG_LINES:])))

    def close(self) -> None:
        """Keep the end of the log and the list of leftovers, then end what was started."""
        self._let_go()
        if self._leftover:
            self.record(Leftover(tuple(self._leftover)))
        try:
            if self._target is not None:
                self._keep_log()
                self._target.close()
        finally:
            self._writer.close()
            if self._journal is not None:
                self._journal.close()

    def _let_go(self) -> None:
        """Close the present connection and take over what its prober had to leave behind."""
        if self._prober is not None:
            self._leftover += self._prober.leftover
            self._prober = None
        if self._caller is not None:
            self._caller.close()
            self._caller = None
