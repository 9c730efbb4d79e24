"""Experiment trackers for training curves."""
