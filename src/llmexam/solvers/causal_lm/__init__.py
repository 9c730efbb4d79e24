"""Solver `causal-lm`: what a decoder holds likely."""
