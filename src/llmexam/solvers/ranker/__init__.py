"""Solver `ranker`: a model over the scores and features of other solvers."""
