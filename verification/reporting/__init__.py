"""Edge out: each writer knows one format and computes no number."""
