"""Solver `cross-encoder`: scores each option jointly with prompt and evidence."""
