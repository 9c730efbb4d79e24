"""Solver `multiple-choice`: a trained reader that scores each option with its evidence."""
