"""Logs of other evaluation harnesses: their questions, answers and values."""
