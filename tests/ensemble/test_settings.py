import pytest

from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import SettingsError


def test_defaults_are_an_equal_mean_of_z_scores():
    settings = EnsembleSettings()
    assert (settings.method, settings.weights) == ("mean-z", "equal")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"method": "median"},
            "'mean-z', 'log-linear', 'mean-softmax', 'max-probability', 'rank-fusion' or "
            "'vote', got 'median'",
        ),
        ({"wieghts": "equal"}, "Did you mean 'weights'"),
        ({"weights": {"a": -1}}, "weights must be 0 or more"),
        ({"weights": {"a": float("nan")}}, "weights must be 0 or more"),
        ({"weights": {"a": 0}}, "at least one weight must be above 0"),
        ({"weights": {}}, "at least one weight must be above 0"),
        ({"weights": "best"}, "weights"),
        ({"n_folds": 1}, "greater than or equal to 2"),
        ({"temperature": 0}, "greater than 0"),
        ({"rank_constant": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(SettingsError, match=words):
        EnsembleSettings.parse(values, subject="the ensemble")
