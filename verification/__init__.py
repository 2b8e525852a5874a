"""Release verification: evidence in, one verdict out. The map of the house is ARCHITECTURE.md."""
