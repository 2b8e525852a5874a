"""Registers the suite's pytest plugin: options, `stage_gate` selection, verdict and reports."""

pytest_plugins = ["verification.plugin"]
