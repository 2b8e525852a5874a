"""A fault may begin at any time: evidence that begins anew every few blocks, each beginning with a share of alpha.

Evidence from the first block on carries all the good blocks before a fault as evidence for it, and a fault of the
fourth day needs as many days again to outweigh them. So what the blocks say is taken from several onsets on, and the
n-th of them has the share 1 / (n (n + 1)) of the whole; all shares together are 1 however many blocks come. A mixture
of e-processes that start later and are 1 until then is an e-process itself, so Ville's inequality holds as before.

Sources: Lorden, Procedures for reacting to a change in distribution (Annals of Mathematical Statistics 42, 1971);
Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change detection (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCKS_PER_ONSET = 6
"""From one onset to the next. More of them cost each a little of its share, fewer mix a fault with what was before."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One of the beginnings."""

    block: int
    """The first that counts, from 0."""
    share: float
    """Of alpha, or of the mixture."""


def onsets(blocks: int, every: int = BLOCKS_PER_ONSET) -> list[Onset]:
    """Those that lie within so many blocks, the first block always among them."""
    return [Onset(block, 1 / ((n + 1) * (n + 2))) for n, block in enumerate(range(0, max(blocks, 1), every))]
