"""The release over days: its plan, what is written down of it, and where it stands. Pure, as all of core."""
