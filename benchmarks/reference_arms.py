"""Are the reference backend's two arms equally fast? Prints, for each endpoint, the P95 of domain over that of legacy.

    python benchmarks/reference_arms.py [--pairs 400] [--concurrency 4] [--seed 1] [--json FILE]

Starts an untouched backend and asks every endpoint in pairs, one request on each arm in random order, a few pairs at a
time and the endpoints mixed. Columns, all as domain / legacy:

- ratio and 95 %: P95 as the client saw it, with a bootstrap interval over pairs; server: by Server-Timing. The
  simulated wait is the same law on both arms, and its luck is most of the noise: with n requests an arm, the P95 of a
  log-normal with log-sigma 0.3 has a relative standard error of about 0.3 * sqrt(0.95 * 0.05 / n) / 0.103, so the
  ratio of two has one of 4.5 % at n = 400 and of 1.4 % at 4,000.
- true: that luck taken out. The code's own work is measured without waits (`--device-scale 0`), and the P95 is taken
  over a million draws of the wait's law plus that work.
- bare: the medians of the work alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from verification.reference.devices import LOG_SIGMA, MEDIAN_MS

ARMS = ("legacy", "domain")
CAMERAS = 60
RULE = {"name": "bench", "rule_type": "count", "conditions": {"above": 1}, "enabled": False}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "POST /alerts/rules": ("POST", "/alerts/rules", RULE),
    "PUT /alerts/rules/{rule_id}": ("PUT", "/alerts/rules/1", {"priority": "low"}),
    "POST /cameras/{id}/start": ("POST", "/cameras/{camera}/start", None),
    "POST /cameras/{id}/stop": ("POST", "/cameras/{camera}/stop", None),
    "POST /cameras/{id}/restart": ("POST", "/cameras/{camera}/restart", None),
    "GET /cameras/{id}/status": ("GET", "/cameras/{camera}/status", None),
    "POST /cameras/batch-status": ("POST", "/cameras/batch-status", {}),
    "POST /cameras/{id}/activate": ("POST", "/cameras/{camera}/activate", None),
    "POST /cameras/{id}/deactivate": ("POST", "/cameras/{camera}/deactivate", None),
    "PUT /cameras/{id}/auto-start": ("PUT", "/cameras/{camera}/auto-start?auto_start=true", None),
    "GET /cameras/{id}/stats": ("GET", "/cameras/{camera}/stats", None),
    "GET /cameras/{id}/logs": ("GET", "/cameras/{camera}/logs", None),
    "POST /cameras/refresh": ("POST", "/cameras/refresh", None),
}


@dataclass(slots=True)
class Samples:
    """The times of one endpoint in ms, by arm: what the client saw and what the server said."""

    client: dict[str, list[float]] = field(default_factory=lambda: {arm: [] for arm in ARMS})
    server: dict[str, list[float]] = field(default_factory=lambda: {arm: [] for arm in ARMS})


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint's result; ratios are domain / legacy."""

    endpoint: str
    pairs: int
    legacy_p95_ms: float
    domain_p95_ms: float
    client_ratio: float
    client_low: float
    client_high: float
    server_ratio: float
    true_ratio: float
    bare_ratio: float
    """Ratio of the medians without simulated waits."""
    bare_legacy_ms: float


@contextmanager
def backend(seed: int, device_scale: float) -> Iterator[str]:
    """An untouched reference backend; yields its address."""
    with tempfile.TemporaryDirectory() as state:
        options = ["--percent", "50", "--seed", str(seed), "--device-scale", str(device_scale), "--state-dir", state]
        command = [sys.executable, "-m", "verification.reference", "--exit-with-stdin", *options]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        with process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the backend was started without pipes")
            try:
                yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/api/v1"
            finally:
                process.stdin.close()
                process.wait(20)


async def measure(address: str, pairs: int, concurrency: int, seed: int) -> dict[str, Samples]:
    """Ask every endpoint `pairs` times on both arms, mixed."""
    draw = random.Random(seed)
    samples = {endpoint: Samples() for endpoint in REQUESTS}
    queue = [endpoint for endpoint in REQUESTS for _ in range(pairs)]
    draw.shuffle(queue)
    work = iter(queue)
    # One camera for each worker and arm: a pair is two requests in the same situation, not in each other's.
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        for number in range(CAMERAS):
            values = {"id": f"bench-{number}", "name": "bench", "source": "rtsp://127.0.0.1/bench", "fps": 25}
            (await client.post("/cameras?force_domain=false", json=values)).raise_for_status()
        (await client.post("/alerts/rules?force_domain=false", json=RULE)).raise_for_status()

        async def worker(number: int) -> None:
            for endpoint in work:
                order = list(ARMS)
                draw.shuffle(order)
                for arm in order:
                    await _ask(client, endpoint, arm, f"bench-{2 * number + ARMS.index(arm)}", samples[endpoint])

        await asyncio.gather(*(worker(number) for number in range(concurrency)))
    return samples


async def _ask(client: httpx.AsyncClient, endpoint: str, arm: str, camera: str, samples: Samples) -> None:
    method, path, body = REQUESTS[endpoint]
    if "start" in path:
        # Start, restart and auto-start need an active camera, whatever was asked before; not timed.
        (await client.post(f"/cameras/{camera}/activate?force_domain=false")).raise_for_status()
    separator = "&" if "?" in path else "?"
    url = f"{path.format(camera=camera)}{separator}force_domain={'true' if arm == 'domain' else 'false'}"
    started = time.perf_counter()
    response = await client.request(method, url, json=body)
    elapsed_ms = (time.perf_counter() - started) * 1000.0
    response.raise_for_status()
    if response.headers["x-served-by"] != arm:
        raise RuntimeError(f"{endpoint}: {arm} was asked, {response.headers['x-served-by']} answered")
    samples.client[arm].append(elapsed_ms)
    samples.server[arm].append(float(response.headers["server-timing"].removeprefix("work;dur=")))


def p95(values: NDArray[np.float64]) -> float:
    """The 95th percentile."""
    return float(np.quantile(values, 0.95))


def true_ratio(endpoint: str, bare: Samples, seed: int) -> float:
    """The ratio of the P95 of wait plus work, over the same million waits on both arms."""
    draw = np.random.default_rng(seed)
    waits = draw.lognormal(np.log(MEDIAN_MS[endpoint]), LOG_SIGMA, size=1_000_000)
    legacy, domain = (p95(waits + draw.choice(np.array(bare.server[arm]), size=waits.size)) for arm in ARMS)
    return domain / legacy


def row(endpoint: str, waited: Samples, bare: Samples, seed: int) -> Row:
    """One endpoint's table row, with a bootstrap interval over pairs."""
    client, server = ({arm: np.array(times[arm]) for arm in ARMS} for times in (waited.client, waited.server))
    pairs = len(client["legacy"])
    picks = np.random.default_rng(seed).integers(0, pairs, size=(1000, pairs))
    tails = [np.quantile(client[arm][picks], 0.95, axis=1) for arm in ARMS]
    low, high = np.quantile(tails[1] / tails[0], [0.025, 0.975])
    bare_legacy, bare_domain = (float(np.median(bare.server[arm])) for arm in ARMS)
    return Row(
        endpoint=endpoint,
        pairs=pairs,
        legacy_p95_ms=p95(client["legacy"]),
        domain_p95_ms=p95(client["domain"]),
        client_ratio=p95(client["domain"]) / p95(client["legacy"]),
        client_low=float(low),
        client_high=float(high),
        server_ratio=p95(server["domain"]) / p95(server["legacy"]),
        true_ratio=true_ratio(endpoint, bare, seed),
        bare_ratio=bare_domain / bare_legacy,
        bare_legacy_ms=bare_legacy,
    )


def main() -> int:
    """Measure, print, write; 1 when a true ratio is not within 0.95 to 1.05, or a measured one provably is not."""
    parser = argparse.ArgumentParser(description="P95 of the reference backend's arms, domain over legacy.")
    parser.add_argument("--pairs", type=int, default=400, help="pairs for each endpoint (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=4, help="pairs under way at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    with backend(options.seed, 1.0) as address:
        waited = asyncio.run(measure(address, options.pairs, options.concurrency, options.seed))
    with backend(options.seed, 0.0) as address:
        # One at a time: without waits, a second request only adds its own time to the first one's.
        bare = asyncio.run(measure(address, max(100, options.pairs // 4), 1, options.seed))
    rows = [row(endpoint, waited[endpoint], bare[endpoint], options.seed) for endpoint in REQUESTS]
    print(
        f"{'endpoint':<30} {'legacy':>8} {'domain':>8}  {'ratio':>6} {'95 %':>13} {'server':>7} {'true':>6} {'bare':>6}"
    )
    for found in rows:
        interval = f"{found.client_low:.3f}-{found.client_high:.3f}"
        measured = f"{found.legacy_p95_ms:8.1f} {found.domain_p95_ms:8.1f}  {found.client_ratio:6.3f} {interval:>13}"
        work = f"{found.bare_ratio:6.2f} of {found.bare_legacy_ms:.2f} ms"
        print(f"{found.endpoint:<30} {measured} {found.server_ratio:7.3f} {found.true_ratio:6.3f} {work}")
    if options.json:
        options.json.write_text(json.dumps([asdict(found) for found in rows], indent=2) + "\n", encoding="utf-8")
    apart = any(found.client_low > 1.05 or found.client_high < 0.95 for found in rows)
    return int(apart or any(not 0.95 <= found.true_ratio <= 1.05 for found in rows))


if __name__ == "__main__":
    sys.exit(main())
