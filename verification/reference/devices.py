"""The simulated devices: what an endpoint waits for before it works, so that its latency looks like a service's."""

from __future__ import annotations

import asyncio
import math
import random

MEDIAN_MS = {
    "POST /alerts/rules": 22.0,
    "PUT /alerts/rules/{rule_id}": 16.0,
    "POST /cameras/{id}/start": 42.0,
    "POST /cameras/{id}/stop": 30.0,
    "POST /cameras/{id}/restart": 50.0,
    "GET /cameras/{id}/status": 12.0,
    "POST /cameras/batch-status": 35.0,
    "POST /cameras/{id}/activate": 20.0,
    "POST /cameras/{id}/deactivate": 25.0,
    "PUT /cameras/{id}/auto-start": 18.0,
    "GET /cameras/{id}/stats": 28.0,
    "GET /cameras/{id}/logs": 24.0,
    "POST /cameras/refresh": 40.0,
}
"""Endpoint -> median wait in ms. These are the 13 endpoints; state reads and set-up writes wait for nothing."""

LOG_SIGMA = 0.3


class Devices:
    """Log-normal waits. One object serves both implementations, so both draw from the same law."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - simulated noise, no cryptography
        self._scale = scale

    def wait_ms(self, endpoint: str) -> float:
        """Draw one wait in ms. KeyError for anything that is none of the 13 endpoints."""
        return self._draw.lognormvariate(math.log(MEDIAN_MS[endpoint]), LOG_SIGMA) * self._scale

    async def wait(self, endpoint: str) -> None:
        """Wait as long as the endpoint's device takes."""
        await asyncio.sleep(self.wait_ms(endpoint) / 1000.0)
