"""Seeded defects: faults planted to prove that the gate can fail. `DEFECTS` holds them all by name."""

from __future__ import annotations

from verification.reference.defects.operation import OPERATION_DEFECTS
from verification.reference.defects.registry import Defect
from verification.reference.defects.responses import RESPONSE_DEFECTS
from verification.reference.defects.sequence import SEQUENCE_DEFECTS
from verification.reference.defects.serving import SERVING_DEFECTS
from verification.reference.defects.state import STATE_DEFECTS

DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (*RESPONSE_DEFECTS, *STATE_DEFECTS, *SEQUENCE_DEFECTS, *SERVING_DEFECTS, *OPERATION_DEFECTS)
}
