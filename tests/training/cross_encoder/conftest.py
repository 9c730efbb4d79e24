"""The tiny encoder of both families that are trained on pairs."""

from tests.training.tiny_pairs import make_exam, tiny_base  # noqa: F401
