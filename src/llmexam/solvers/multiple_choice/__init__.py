"""Solver `multiple-choice`: a trained model that scores each option with its evidence."""
