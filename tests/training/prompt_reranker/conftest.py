"""The tiny encoder of families that are trained on pairs."""

from tests.training.tiny_pairs import tiny_base  # noqa: F401
