"""Solver `cross-encoder`: reads prompt, evidence and option at once, an option at a time."""
