"""Estimate the time, memory and cost of a solver on an exam."""
