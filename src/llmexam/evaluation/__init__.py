"""Evaluation: metrics of predictions, with intervals and paired comparisons."""
