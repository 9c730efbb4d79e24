"""Solvers: they score the options of questions and explain the scores."""
