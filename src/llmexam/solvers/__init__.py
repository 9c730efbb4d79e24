"""Solvers: each ranks the options of a question, and can say why."""
