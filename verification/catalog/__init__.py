"""Data: the endpoints and their cases, and what reads them. `load.load_catalog` is the way in."""
