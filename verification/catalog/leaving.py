"""Leaves destructive endpoints out of a catalog, with everything that could not be asked without them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from verification.catalog.references import fits_route
from verification.core.cases import Case, Catalog, Endpoint, RequestSpec, ResourceSpec, Twin
from verification.core.errors import CatalogError

DESTRUCTIVE = (
    "marked destructive in the catalog; on a target that the suite did not start, it is asked with "
    "--allow-destructive only"
)


def without_destructive(catalog: Catalog) -> tuple[Catalog, dict[str, str]]:
    """The catalog without its destructive endpoints, and what was left out (key -> reason).

    Left out with them are states of twins that only such an endpoint brings about, and the cases and races that need
    one of these. A twin's own removal stays: only what the run made is removed by it.
    """
    marked = [endpoint for endpoint in catalog.endpoints if endpoint.destructive]
    if not marked:
        return catalog, {}
    cut = _Cut(catalog, tuple(marked))
    omitted = {f"endpoint:{endpoint.id}": DESTRUCTIVE for endpoint in marked}
    endpoints = []
    for endpoint in catalog.endpoints:
        if endpoint.destructive:
            continue
        kept = tuple(case for case in endpoint.cases if cut.can_make(case.given))
        if cut.can_load(endpoint) and any(_succeeds(case) for case in kept):
            endpoints.append(replace(endpoint, cases=kept))
            lost = [case for case in endpoint.cases if case not in kept]
            omitted |= {f"parity:{endpoint.id}:{case.id}": cut.reason for case in lost}
        else:
            omitted[f"endpoint:{endpoint.id}"] = cut.reason
    known = {endpoint.id for endpoint in endpoints}
    races = {
        name: race
        for name, race in catalog.races.items()
        if {call.endpoint for call in race.calls} <= known and cut.can_make(race.given)
    }
    omitted |= {f"race:{name}": cut.reason for name in catalog.races if name not in races}
    made = {name: one for name, one in catalog.resources.items() if cut.can_make((Twin(name, name, (), {}),))}
    omitted |= {f"certificate:{name}": cut.reason for name in catalog.resources if name not in made}
    resources = {name: cut.rest_of(resource) for name, resource in made.items()}
    if not endpoints:
        raise CatalogError("every endpoint of the catalog is destructive, or needs one that is; nothing is left to ask")
    return replace(catalog, endpoints=tuple(endpoints), resources=resources, races=races), omitted


@dataclass(frozen=True, slots=True)
class _Cut:
    """What goes with the endpoints that are left out."""

    catalog: Catalog
    marked: tuple[Endpoint, ...]

    @property
    def reason(self) -> str:
        names = " or ".join(endpoint.id for endpoint in self.marked)
        return f"needs what is left out as destructive: {names}"

    def can_make(self, given: Iterable[Twin]) -> bool:
        """True where twins are made, and brought into their states, without any of them."""
        return all(
            not self._asks(self.catalog.resources[twin.resource].create)
            and set(twin.states) <= set(self.rest_of(self.catalog.resources[twin.resource]).states)
            for twin in given
        )

    def can_load(self, endpoint: Endpoint) -> bool:
        """True where the pool that the endpoint's load draws from can be made."""
        if endpoint.load.pool is None:
            return True
        pool = self.catalog.pools[endpoint.load.pool]
        return self.can_make((Twin(pool.token, pool.resource, pool.states),))

    def rest_of(self, resource: ResourceSpec) -> ResourceSpec:
        """The resource with the states that can still be brought about."""
        left = {name: steps for name, steps in resource.states.items() if not any(map(self._asks, steps))}
        return replace(resource, states=left)

    def _asks(self, request: RequestSpec) -> bool:
        return any(one.method == request.method and fits_route(one.path, request.path) for one in self.marked)


def _succeeds(case: Case) -> bool:
    return case.status is not None and case.status < 300
