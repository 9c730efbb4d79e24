"""Solver `ranker`: learned from what other solvers say about each option."""
