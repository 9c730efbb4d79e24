"""Baselines: what a solver scores that knows nothing."""
