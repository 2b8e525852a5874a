"""What measuring and judging a load cost, and how near its numbers come to the truth.

    python -m benchmarks.loading [--only quantiles|judge|stall] [--json FILE]

quantiles   P95 of the gate's histogram against the raw times, from 1 ms to 2 s, beside a table that rounds to two
            digits as Locust's own does
judge       `python -m verification judge` over evidence of 10 million and of 1 billion requests: time and memory as
            shares of what is allowed (2 s, 300 MB); it must not grow with the requests
stall       a server that stands still for 500 ms every 5 s, asked by the open loop with one and with two processes: the
            P95 as a share of the true one, which is that of the moments at which the server itself says it answered;
            beside it what one and ten users of a closed loop, who wait for their answers, see of the same server

Exit code 0 when every figure is met.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, write
from verification.catalog.load import load_catalog
from verification.core.histogram import Bins, bin_of, merge, quantile_ms
from verification.core.policy import Policy
from verification.core.records import LoadBlock, LoadCell, LoadEnd, LoadStart, LoadWorker
from verification.drive.load import LoadPlan, run_stage
from verification.evidence import EVIDENCE_DIR, EvidenceWriter, read_file, start_run
from verification.manifest import new_manifest

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "tests" / "load" / "tiny_backend.py"
MEDIANS_MS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 2000.0)
MOST_QUANTILE_ERROR = 0.006
JUDGE_SECONDS, JUDGE_MEGABYTES = 2.0, 300.0
STAGES, BLOCKS = (0, 10, 25, 50, 100), 30
FROZEN_S, EVERY_S, STALL_RATE_PER_S, STALL_S = 0.5, 5.0, 200.0, 40
MOST_STALL_ERROR = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number behind the figures."""

    part: str
    name: str
    value: float
    unit: str


# --- quantiles -------------------------------------------------------------------------------------------------------


def rounded_p95_ms(times: Iterable[float]) -> float:
    """P95 after rounding to two significant digits, as Locust's table has it."""
    kept = [round(ms, -max(0, len(str(int(ms))) - 2)) for ms in times]
    return float(np.quantile(kept, 0.95, method="lower"))


def quantiles(seed: int) -> tuple[list[Row], list[Figure]]:
    """The error of both tables over all magnitudes."""
    rng, rows, worst = np.random.default_rng(seed), [], 0.0
    for median in MEDIANS_MS:
        times = (median * np.exp(0.5 * rng.standard_normal(20_000))).tolist()
        truth = float(np.quantile(times, 0.95))
        bins: dict[int, int] = {}
        for ms in times:
            bins[bin_of(ms)] = bins.get(bin_of(ms), 0) + 1
        error, rounded = (abs(value / truth - 1) for value in (quantile_ms(bins, 0.95), rounded_p95_ms(times)))
        worst = max(worst, error)
        rows += [
            Row("quantiles", f"{median:g} ms", error, "error"),
            Row("quantiles", f"{median:g} ms", rounded, "error when rounded"),
        ]
    return rows, [Figure("P95 error of the histogram", worst, 0, MOST_QUANTILE_ERROR, "quantiles", "1 ms to 2 s")]


# --- judge -----------------------------------------------------------------------------------------------------------


def _cell(endpoint: str, stream: str, law: Bins, requests: int) -> LoadCell:
    scaled = {number: max(1, round(count * requests / 10_000)) for number, count in law.items()}
    total = sum(scaled.values())
    legacy = 0 if stream == "candidate" else total
    return LoadCell(endpoint, stream, total, 0, 0, legacy, total - legacy, 0, scaled, scaled, scaled)


def write_evidence(run_dir: Path, requests: int) -> None:
    """A run of five stages whose histograms hold so many requests in all."""
    catalog = load_catalog()
    names = tuple(endpoint.id for endpoint in catalog.endpoints)
    manifest = new_manifest(
        run_dir.name,
        seed=1,
        target="embedded",
        owned=True,
        stages=STAGES,
        quick=False,
        expected=tuple(f"load:{percent}" for percent in STAGES),
        omitted={},
    )
    start_run(run_dir, manifest, catalog, Policy())
    rng = np.random.default_rng(1)
    each = max(1, requests // (len(STAGES) * BLOCKS * len(names) * 2))
    kinds = ["mixed"] * (BLOCKS - 8) + ["natural"] * 4 + ["control"] * 4
    for percent in STAGES:
        sent = 0
        with EvidenceWriter(run_dir, f"load-{percent:03d}") as writer:
            writer.append(LoadStart(percent, 1, 1000.0, 1.0, tuple(kinds), names, 1, "0"))
            for block, kind in enumerate(kinds):
                law: dict[int, int] = {}
                for ms in (20 * np.exp(0.5 * rng.standard_normal(10_000))).tolist():
                    law[bin_of(ms)] = law.get(bin_of(ms), 0) + 1
                streams = {"mixed": ("control", "candidate"), "natural": ("natural",), "control": ("control",)}[kind]
                cells = tuple(_cell(name, stream, law, each) for name in names for stream in streams)
                sent += sum(cell.requests for cell in cells)
                writer.append(LoadBlock(percent, block, kind, "w0", cells))
            writer.append(LoadEnd(percent, sent, sent, 0, (LoadWorker("w0", sent, 0.1, 10.0),), (), (), None))


def judged(run_dir: Path) -> tuple[float, float]:
    """Seconds and megabytes that a process takes to judge the folder."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "verification", "judge", str(run_dir)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.monotonic() - began, usage.ru_maxrss / 1024


def judge(_seed: int) -> tuple[list[Row], list[Figure]]:
    """Time and memory, smallest of three runs each: what else the machine does only adds."""
    rows: list[Row] = []
    best: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for requests in (10**7, 10**9):
            run_dir = Path(folder) / f"{requests:g}"
            write_evidence(run_dir, requests)
            runs = [judged(run_dir) for _ in range(3)]
            best[requests] = min(seconds for seconds, _ in runs), min(megabytes for _, megabytes in runs)
            rows += [
                Row("judge", f"{requests:g} requests", best[requests][0], "s"),
                Row("judge", f"{requests:g} requests", best[requests][1], "MB"),
            ]
    seconds, megabytes = best[10**9]
    return rows, [
        Figure("time, share of 2 s", seconds / JUDGE_SECONDS, 0, 1, "judge", "1e9 requests"),
        Figure("memory, share of 300 MB", megabytes / JUDGE_MEGABYTES, 0, 1, "judge", "1e9 requests"),
        Figure("time, 1e9 over 1e7", seconds / best[10**7][0], 0, 1.5, "judge"),
    ]


# --- stall -----------------------------------------------------------------------------------------------------------


@contextmanager
def _frozen_backend(answered: Path) -> Iterator[str]:
    words = ["--delay-ms", "2", "--freeze-every-s", str(EVERY_S - FROZEN_S), "--freeze-s", str(FROZEN_S)]
    words += ["--answered", str(answered)]
    backend = subprocess.Popen([sys.executable, str(BACKEND), *words], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(backend.stdout.readline())}" if backend.stdout else ""
    finally:
        backend.kill()
        backend.communicate()


def true_p95_ms(folder: Path, answered: Path) -> float:
    """From when a request was due to when the server says that it answered; it answers in the order of arrival."""
    due = sorted(float(row["due_s"]) for file in folder.glob("raw-*.csv") for row in csv.DictReader(file.open()))
    at = [float(line) for line in answered.read_text().split()]
    # Those of the warm-up were answered before.
    at = [moment for moment in sorted(at) if moment >= due[0]][: len(due)]
    return 1000 * float(np.quantile(np.array(at) - np.array(due), 0.95))


def stall(seed: int) -> tuple[list[Row], list[Figure]]:
    """The open loop's P95 with one and with two processes."""
    rows, figures = [], []
    for processes in (1, 2):
        with tempfile.TemporaryDirectory() as name:
            folder, answered = Path(name), Path(name) / "answered.txt"
            with _frozen_backend(answered) as host:
                plan = LoadPlan(
                    host,
                    25,
                    STALL_RATE_PER_S,
                    1.0,
                    STALL_S,
                    seed,
                    processes,
                    endpoints=("POST /cameras/refresh",),
                    whole=True,
                    raw_samples=folder / "raw.csv",
                )
                run_stage(plan, folder, lambda _: None)
            truth = true_p95_ms(folder, answered)
            found = read_file(folder / EVIDENCE_DIR / f"{plan.evidence_name}.jsonl").records
        blocks = [record for record in found if isinstance(record, LoadBlock)]
        p95 = quantile_ms(merge(*(cell.intended for block in blocks for cell in block.cells)), 0.95)
        rows += [
            Row("stall", f"{processes} processes", p95, "ms"),
            Row("stall", f"{processes}, truth", truth, "ms"),
        ]
        limits = 1 - MOST_STALL_ERROR, 1 + MOST_STALL_ERROR
        figures.append(Figure("P95 over the truth", p95 / truth, *limits, "stall", str(processes)))
    with tempfile.TemporaryDirectory() as name, _frozen_backend(Path(name) / "answered.txt") as host:
        rows += [Row("stall", f"closed loop, {users}", closed_loop_p95_ms(host, users), "ms") for users in (1, 10)]
    return rows, figures


def closed_loop_p95_ms(host: str, users: int) -> float:
    """What users see who send their next request only when the last one was answered, as many in all as the open loop
    would send if nobody waited."""
    times: list[float] = []

    def use() -> None:
        connection = http.client.HTTPConnection(host.removeprefix("http://"), timeout=10)
        due = ends - STALL_S
        while (due := max(due + users / STALL_RATE_PER_S, time.perf_counter())) < ends:
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            connection.request("POST", "/api/v1/cameras/refresh?force_domain=false")
            connection.getresponse().read()
            times.append(1000 * (time.perf_counter() - sent))
        connection.close()

    ends = time.perf_counter() + STALL_S
    threads = [threading.Thread(target=use) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(np.quantile(times, 0.95))


PARTS: dict[str, Callable[[int], tuple[list[Row], list[Figure]]]] = {
    "quantiles": quantiles,
    "judge": judge,
    "stall": stall,
}


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write; 0 when every figure is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("reports/benchmarks/loading.json"))
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    figures: list[Figure] = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            found = part(options.seed)
            rows += found[0]
            figures += found[1]
    for row in rows:
        print(f"{row.part:12}{row.name:24}{row.value:>12.4g} {row.unit}")
    for figure in figures:
        print(f"{figure.configuration:12}{figure.figure:32}{figure.scope:16}{figure.told}")
    return write(options.json, figures, rows, seed=options.seed)


if __name__ == "__main__":
    sys.exit(main())
