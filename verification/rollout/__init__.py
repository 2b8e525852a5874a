"""The release over days: its ledger, starting and rolling back, looking, feedback, what others ask of it."""
