"""Solver `lexical`: how well the words of the passages support each option."""
