"""Solver `keras-choice`: a multiple-choice reader run by Keras."""
