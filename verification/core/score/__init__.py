"""Mistakes that a candidate could make, generated on the evidence of cases in which it made none."""
