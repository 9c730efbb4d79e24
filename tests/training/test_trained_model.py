import re

import pytest
import torch
import yaml

from llmexam.errors import ModelError
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.training.model_page import model_page
from llmexam.training.protocol import CurvePoint
from llmexam.training.trained_model import (
    finished_model,
    read_trained_model,
    update_card,
    write_trained_model,
)


def card(**values):
    given = {
        "family": "multiple-choice",
        "base_model": "org/name",
        "base_weights_hash": "0" * 64,
        "metrics": {"dev": {"map": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "command": "llmexam train r.yaml",
        **values,
    }
    return ModelCard(**given)


def finish(tiny, folder, **values):
    model = tiny.tiny_model()
    return write_trained_model(folder, lambda to: model.save_pretrained(to), card(), **values)


def test_a_checkpoint_is_read_back(tiny, tmp_path):
    for name in ("checkpoints", "best"):
        (tmp_path / name).mkdir()
    scores = ScoreMatrix.from_rows(["a", "b"], [[1, 2], [3, 4, 5]], [True, False])
    curve = [CurvePoint(1, {"loss": 1.5}), CurvePoint(2, {"loss": 1.0, "dev_map_at_3": 0.5})]
    assert read_trained_model(tmp_path) is None
    made = finish(tiny, tmp_path, curve=curve, best_step=2, dev_scores=scores, notes=["cut: 3 %"])
    found = read_trained_model(tmp_path)
    assert (found.card, found.curve, found.best_step, found.notes) == (
        made.card, tuple(curve), 2, ("cut: 3 %",),
    )  # fmt: skip
    assert (found.dev_scores.values == scores.values).all()
    assert (found.dev_scores.present == scores.present).all()
    assert found.dev_scores.truncated.tolist() == [True, False]
    assert found.card.versions["torch"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md", "config.json", "dev_scores.json", "llmexam.json", "model.safetensors",
        "training.json",
    ]  # fmt: skip


def test_a_kill_before_the_card_leaves_no_checkpoint(tiny, tmp_path, monkeypatch):
    import llmexam.training.trained_model as module

    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_card", fail)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(KeyboardInterrupt):
        finish(tiny, tmp_path)
    assert read_trained_model(tmp_path) is None
    assert (tmp_path / "checkpoints").exists()
    monkeypatch.undo()
    finish(tiny, tmp_path)
    assert read_trained_model(tmp_path) is not None
    assert not (tmp_path / "checkpoints").exists()


def test_a_kill_after_the_card_leaves_no_state(tiny, tmp_path, monkeypatch):
    finish(tiny, tmp_path)
    before = sorted(tmp_path.iterdir())
    for name in ("checkpoints/checkpoint-1", "best", ".model.new"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model.safetensors").write_bytes(b"x")
    assert finished_model(tmp_path) is not None
    assert sorted(tmp_path.iterdir()) == before


def test_pickled_weights_are_not_given_away(tmp_path):
    with pytest.raises(ModelError, match="pickled"):
        write_trained_model(tmp_path, lambda to: torch.save({}, to / "model.bin"), card())
    assert read_trained_model(tmp_path) is None


def test_others_can_read_the_weights(tiny, tmp_path):
    (tmp_path / "plain").touch()
    finish(tiny, tmp_path / "model")
    modes = {path.stat().st_mode for path in (tmp_path / "model").iterdir()}
    assert modes == {(tmp_path / "plain").stat().st_mode}


def test_the_page_has_front_matter_results_and_limits(tiny, tmp_path):
    finish(tiny, tmp_path, notes=["Evidence was cut by 12 %"])
    _, front, body = (tmp_path / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "transformers",
        "pipeline_tag": "multiple-choice",
        "base_model": "org/name",
        "tags": ["llmexam", "multiple-choice"],
    }
    assert "0.5000 (0.4000 to 0.6000)" in body
    assert "- Evidence was cut by 12 %" in body
    assert "llmexam train r.yaml" in body


def test_a_card_can_be_completed_later(tiny, tmp_path):
    made = finish(tiny, tmp_path)
    update_card(tmp_path, made.card.model_copy(update={"metrics": {"report map": 0.625}}))
    assert read_trained_model(tmp_path).card.metrics == {"report map": 0.625}
    assert "| report map | 0.625 |" in (tmp_path / "README.md").read_text()


def test_the_page_shows_names_of_files_as_they_are():
    hostile = "<img src=x onerror=alert(1)>`![x](http://x)|```\n<script>"
    page = model_page(
        card(command=f"llmexam train {hostile}", base_model=hostile, data={hostile: hostile}),
        [hostile],
    )
    body = page.split("---\n", 2)[2]
    shown = re.sub(r"(?<!\\)(`+).+?(?<!`)\1(?!`)", "", body, flags=re.DOTALL)
    assert "<" not in shown
    assert not re.search(r"(?<!\\)\[", shown)
