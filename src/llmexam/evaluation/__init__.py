"""Evaluation: metrics over score matrices, with intervals."""
