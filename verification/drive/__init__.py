"""Edge in: everything that asks the target. The only importer of httpx."""
