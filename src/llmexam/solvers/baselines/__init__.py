"""Baselines that ignore the question."""
