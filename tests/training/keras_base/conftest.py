from types import SimpleNamespace

import pytest
from tests.training.keras_choice.conftest import settings_for  # noqa: F401
from tests.training.multiple_choice.conftest import base_folder, make_exam  # noqa: F401

from llmexam.lm.keras_models.backend import import_keras


@pytest.fixture(scope="session")
def keras():
    return import_keras("torch")


@pytest.fixture
def tiny(keras, base_folder):  # noqa: F811
    """The tiny reader with a new head, and the choice model of it."""
    from llmexam.lm.keras_models.choice_model import choice_model
    from llmexam.lm.keras_models.reader import load_keras_reader
    from llmexam.lm.models.loading import resolve_model

    reader = load_keras_reader(resolve_model(str(base_folder)), head="mean")
    return SimpleNamespace(reader=reader, model=choice_model(reader))
