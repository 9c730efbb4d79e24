"""Recipes are run many times here, so the picture of their curves is drawn elsewhere."""

from base64 import b64decode

import pytest

# One black pixel.
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch):
    """Write one pixel as the picture of the curves.

    Drawing takes longer than the tiny trainings. `tests/report/test_training_curves.py` tests
    it, and `tests/cli/test_train.py` trains with it.
    """
    from llmexam.workflows.train import one

    monkeypatch.setattr(one, "write_curves", lambda path, *_: path.write_bytes(PNG))
