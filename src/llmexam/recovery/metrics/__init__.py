"""Metrics of recovered prompts, one a file; predictions are one text for each rewrite."""
