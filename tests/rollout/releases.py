"""Made-up releases in real ledgers, one for each verdict, and a running server that answers from one."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from verification.core.model import Arm, Verdict
from verification.core.release.events import Event, GateRun, Look, RolledBack, Seen, Started, Told
from verification.core.release.plan import PlannedStage
from verification.rollout.ledger import Ledger
from verification.rollout.serve import ReleaseServer
from verification.settings import Settings
from verification.settings.release import ReleaseSettings

BEGAN = datetime(2026, 1, 5, 8, tzinfo=UTC)
STAGES = (
    PlannedStage(percent=10, least_hours=24, most_hours=48, looks=22, requests=600),
    PlannedStage(percent=25, least_hours=72, most_hours=120, looks=65, requests=2000),
)
FAST = {330: 15, 340: 15}
"""Times of thirty requests, as a histogram."""


def look(slot: int, *, errors: int = 0, requests: int = 30, **other: Any) -> Look:
    """One look an hour; both arms alike but for errors on candidate."""
    at = BEGAN + timedelta(hours=slot)
    seen = (
        Seen("cameras", Arm.CONTROL, requests, 0, requests, 0, 0, FAST),
        Seen("cameras", Arm.CANDIDATE, requests, errors, 0, requests, 0, FAST),
    )
    return Look(10, slot, at, at, 2.0, seen, natural_legacy=36, natural_domain=4, **other)


def gate(verdict: Verdict, *reasons: str) -> GateRun:
    """A run of the gate at 10 %."""
    return GateRun(10, "r1", BEGAN + timedelta(hours=1), verdict, reasons, 0.12, -0.03, 0.29)


LOOKS = tuple(look(slot) for slot in range(25))
STARTED = Started(10, 0, "maria", True, "the witness shows it", 3.0)
AFTER_A_DAY, AFTER_HOURS = BEGAN + timedelta(hours=24, minutes=30), BEGAN + timedelta(hours=2, minutes=30)
ROLLED_BACK = RolledBack(10, "maria", "errors", True, ("nothing served by domain",), 4.0)


@dataclass(frozen=True)
class Release:
    """What a ledger holds, and at which moment it is asked."""

    events: tuple[Event, ...]
    now: datetime = AFTER_A_DAY


PROMOTED = Release((STARTED, *LOOKS, gate(Verdict.PROMOTE)))
HELD = Release((STARTED, *LOOKS, gate(Verdict.HOLD, "P95: +12 %")))
COLLECTING = Release((STARTED, *LOOKS[:3], gate(Verdict.PROMOTE)), AFTER_HOURS)
UNCLEAR = Release((STARTED, *LOOKS, gate(Verdict.INCONCLUSIVE, "a worker was lost")))
BLIND = Release((STARTED, *LOOKS[:3], gate(Verdict.PROMOTE)), BEGAN + timedelta(hours=9))
HARMFUL = Release((STARTED, *(look(slot, errors=20) for slot in range(25)), gate(Verdict.PROMOTE)))
NOT_BEGUN = Release(())
TAKEN_BACK = Release((STARTED, *LOOKS, ROLLED_BACK))

EACH_VERDICT = {
    Verdict.PROMOTE: PROMOTED,
    Verdict.HOLD: HELD,
    Verdict.INCONCLUSIVE: COLLECTING,
    Verdict.ROLLBACK: HARMFUL,
}
ALL = {
    "PROMOTE": PROMOTED,
    "HOLD": HELD,
    "collecting": COLLECTING,
    "unclear": UNCLEAR,
    "blind": BLIND,
    "ROLLBACK": HARMFUL,
    "not begun": NOT_BEGUN,
    "taken back": TAKEN_BACK,
}
_written: dict[int, bytes] = {}
"""Each of these ledgers is written once: every line of it waits for the disk."""


def write(path: Path, release: Release) -> Settings:
    """A ledger with these events; settings that name it."""
    if (known := _written.get(id(release))) is not None:
        path.write_bytes(known)
        return settings_of(path)
    with Ledger(path) as ledger:
        for event in release.events:
            ledger.append(event, event.at if isinstance(event, Look) else BEGAN)
    if any(release is one for one in ALL.values()):
        _written[id(release)] = path.read_bytes()
    return settings_of(path)


def settings_of(path: Path) -> Settings:
    """Settings whose ledger stands there, or does not."""
    return Settings(release=ReleaseSettings(ledger=path, stages=STAGES))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


HOOK_BODY = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "85d557f47b", "metadata": {}}


@dataclass(frozen=True)
class Ask:
    """A running server; called with a path it asks (POST where a body is given) and returns the answer."""

    server: ReleaseServer

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.server_port

    def __call__(
        self, path: str, body: Any = None, *, method: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A body that is no bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {} if data is None else {"Content-Type": "application/json"}
        url, headers = self.server.url + path, {**sent, **(headers or {})}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(), dict(error.headers))


@contextmanager
def answering(settings: Settings, now: datetime, token: str | None = None) -> Iterator[Ask]:
    """A server that answers from the ledger of the settings, at this moment."""
    with ReleaseServer(settings, port=0, token=token, now=lambda: now) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Ask(server)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def served(path: Path, release: Release) -> Iterator[Ask]:
    """A server that answers from a ledger with this release."""
    with answering(write(path, release), release.now) as asked:
        yield asked


def without_gate(release: Release) -> Release:
    """The same release, in which nobody ran the gate."""
    return replace(release, events=tuple(one for one in release.events if not isinstance(one, GateRun)))


def told(path: Path) -> list[Told]:
    """What other tools have told, as the ledger keeps it."""
    with Ledger(path) as ledger:
        return [event for _, _, event in ledger.events() if isinstance(event, Told)]
