"""The training loop of all Keras families: optimiser, curve, dev grading, checkpoints.

Modules that import Keras are imported inside functions, after the choice of its backend.
"""
