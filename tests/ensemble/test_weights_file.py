import json

import pytest

from llmexam.ensemble.weights_file import SavedWeights, read_weights, write_weights
from llmexam.errors import SettingsError


def test_weights_survive_a_file(tmp_path):
    saved = SavedWeights(
        method="rank-fusion",
        weights={"a": 0.25, "b": 0.75},
        rank_constant=10,
        exam_hash="abc",
        n_questions=7,
        fold_weights=({"a": 0.5, "b": 0.5},),
    )
    write_weights(tmp_path / "w.json", saved)
    assert read_weights(tmp_path / "w.json") == saved
    settings = saved.to_settings()
    assert (settings.method, settings.weights) == ("rank-fusion", {"a": 0.25, "b": 0.75})
    assert settings.rank_constant == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected JSON"),
        ("\x00\x01", "expected JSON"),
        ("[1]", "expected a weights file"),
        ("{}", "method"),
        ('{"method": "mean-z", "weights": {}}', "weights"),
        ('{"method": "mean-z", "weights": {"a": "much"}}', "weights.a"),
        ('{"method": "mean-z", "weights": {"a": 1}, "seeds": 1}', "no setting 'seeds'"),
        ('{"kind": "something else", "method": "mean-z", "weights": {"a": 1}}', "kind"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, text, words):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        read_weights(path)
    assert caught.value.file == str(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(SettingsError, match="file not found"):
        read_weights(tmp_path / "w.json")
    with pytest.raises(SettingsError, match="got a folder"):
        read_weights(tmp_path)


def test_weights_that_cannot_be_used(tmp_path):
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"method": "mean-z", "weights": {"a": -1}}))
    with pytest.raises(SettingsError, match="0 or more"):
        read_weights(path).to_settings()
