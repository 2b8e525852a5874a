"""A short run with every kind of check in it, over two endpoints, on a deployment."""

from __future__ import annotations

from tests.defects.bench import Bench
from verification.core.expectation import parity_key
from verification.core.judgement import Judgement
from verification.drive.campaign import Campaign
from verification.settings import Settings

ENDPOINTS = ("POST /cameras/refresh", "POST /cameras/{id}/activate")
PERCENT = 10


def walk(bench: Bench, settings: Settings) -> Judgement:
    """Judge the run; it owes exactly what it does."""
    cases = [pair for endpoint in ENDPOINTS for pair in bench.cases(endpoint)]

    def steps(campaign: Campaign) -> None:
        campaign.watch("before")
        campaign.use()
        for endpoint, case in cases:
            campaign.compare(endpoint, case)
        for name in ENDPOINTS:
            campaign.witness(bench.catalog.endpoint(name))
        campaign.expose(PERCENT)
        campaign.force(PERCENT)
        campaign.roll_back_by_request()
        campaign.watch("after")
        campaign.roll_back_globally()

    expected = [parity_key(endpoint.id, case.id) for endpoint, case in cases]
    expected += [f"witness:{name}" for name in ENDPOINTS]
    expected += [f"flag:exposure:{PERCENT}", f"flag:force:{PERCENT}", "rollback:request", "rollback:global"]
    expected += [f"monitoring:{moment}" for moment in ("before", "after", "usage")]
    return bench.judge(settings, expected, (PERCENT,), steps)
