"""Solver `causal-lm`: log-likelihoods under a causal language model."""
