import pytest
from tests.training.tiny_rewrites import rewrites, word_tokenizer


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """A tiny Gemma 3 with random weights and a tokenizer of words."""
    from tests.tiny_gemma import save_tiny

    folder = tmp_path_factory.mktemp("base")
    return save_tiny(folder, tokenizer=word_tokenizer(), hidden_size=32, sliding_window=64)


@pytest.fixture(scope="session")
def make_rewrites():
    """Return a function that makes rewrites whose prompt can be told from the texts."""
    return rewrites


@pytest.fixture(scope="session")
def settings_for(base_folder):
    """Return a function that makes settings for the tiny model."""
    from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings

    def make(**values):
        given = {
            "model": str(base_folder),
            "prompting": {"instructions": "text", "max_text_tokens": 16},
            "batch_size": 4,
            "learning_rate": 1e-2,
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            "length_multiple": 16,
            **values,
        }
        return KerasRecovererTrainingSettings.parse(given, subject="test")

    return make
