"""The recipe of Gemma by Keras parses, and dry-runs from config and tokenizer alone."""

from pathlib import Path

from llmexam.exam.writers import write_exam
from llmexam.training.keras_letters.settings import KerasLettersTrainingSettings
from llmexam.workflows.train.pipeline import dry_run
from llmexam.workflows.train.recipe import read_recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "keras_gemma_letters.yaml"


def test_it_dry_runs(make_exam, base_folder, tmp_path):
    told = read_recipe(RECIPE).settings
    assert isinstance(told, KerasLettersTrainingSettings)
    assert (told.lora_rank, told.lora_layers, told.schedule) == (4, None, "cosine")
    for path in base_folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    write_exam(tmp_path / "train.jsonl", make_exam(40), format="jsonl")
    changes = {
        "train": str(tmp_path / "train.jsonl"),
        "evidence": {"corpus": [], "given": "keep"},
        "split": None,
        "report_on": [],
        "settings": {"model": str(tmp_path), "device": "cpu", "precision": "fp32"},
    }
    found = dry_run(RECIPE, tmp_path / "out", changes=changes).estimate
    assert found.n_steps == 5
    assert "adapters of rank 4 are trained" in found.details["weights"]
