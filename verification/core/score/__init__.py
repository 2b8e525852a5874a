"""The comparator's own score: how many generated mistakes of a candidate it sees."""

from verification.core.score.count import LOWEST_SHARE, score_comparator, score_findings

__all__ = ["LOWEST_SHARE", "score_comparator", "score_findings"]
