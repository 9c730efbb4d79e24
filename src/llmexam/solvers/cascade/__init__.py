"""Solver `cascade`: a cheap solver first, a better one for the least certain questions."""
