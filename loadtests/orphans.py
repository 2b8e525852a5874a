"""Twins of a worker that was lost: the leader removes them, for nobody else will."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from locust.contrib.fasthttp import FastHttpSession

from loadtests.client import Client
from loadtests.coordinator import Twins
from loadtests.options import StageOptions, own_catalog
from loadtests.pools import Pools
from loadtests.stages import SET_UP_TIMEOUT_S
from verification.settings import handed_settings
from verification.settings.authentication import authentication


def remover(told: StageOptions, certificates: Callable[[], ssl.SSLContext]) -> Callable[[Twins], tuple[str, ...]]:
    """What removes twins from the target of this stage, and names what is left."""

    def remove(twins: Twins) -> tuple[str, ...]:
        session = FastHttpSession(told.host, None, None, insecure=False, ssl_context_factory=certificates)
        headers = authentication(handed_settings().target.authentication)
        client = Client(
            session, told.host, told.server_time_header, told.witness, told.routing, headers, told.max_body_bytes
        )
        pools = Pools(
            own_catalog(), lambda request, arm: client.ask(request, arm, SET_UP_TIMEOUT_S), "", 1, remembers=False
        )
        pools.adopt(twins)
        return pools.remove()

    return remove
