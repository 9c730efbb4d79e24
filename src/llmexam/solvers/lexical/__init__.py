"""Solver `lexical`: lexical overlap of options with the passages."""
