"""Does the monitoring answer in shape, does the data stay consistent, and do the counters tell the truth?

One test, because the look before and the look after must be at the same backend, with the work in between.
"""

from __future__ import annotations

import pytest

from verification.core.judge.flag import judge_monitoring, judge_usage
from verification.gate import Gate

pytestmark = pytest.mark.stage_gate


def test_monitoring(gate: Gate) -> None:
    gate.needs("monitoring:before")
    campaign = gate.campaign
    before = campaign.watch("before")
    usage = campaign.use() if "monitoring:usage" in gate.manifest.expected else []
    calls = campaign.force(campaign.comparison_percent)
    after = campaign.watch("after")
    findings = [finding for used in usage for finding in judge_usage(used, owned=gate.manifest.owned)]
    gate.require([*findings, *judge_monitoring((before, after))])
    assert calls, "no endpoint was asked between the two looks"
