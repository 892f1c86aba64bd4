"""Metrics, statistics and the papers' published values."""
