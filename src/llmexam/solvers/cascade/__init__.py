"""Solver `cascade`: a cheap solver for all questions, a better one where it is least certain."""
