"""Seeded defects: faults planted to prove that the gate can fail. `DEFECTS` holds them all by name."""

from __future__ import annotations

from verification.reference.defects.registry import Defect

DEFECTS: dict[str, Defect] = {}
