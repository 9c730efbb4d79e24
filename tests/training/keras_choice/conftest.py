import pytest
from tests.training.multiple_choice.conftest import base_folder, make_exam  # noqa: F401


@pytest.fixture(scope="session")
def settings_for(base_folder):  # noqa: F811
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings

    def make(**values):
        given = {
            "model": str(base_folder),
            "batch_size": 16,
            "n_epochs": 2,
            "learning_rate": 3e-3,
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            "length_multiple": 8,
            "encoding": {"max_tokens": 32},
            **values,
        }
        return KerasChoiceTrainingSettings.parse(given, subject="test")

    return make
