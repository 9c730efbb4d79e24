"""The recipe of Gemma by Keras parses, and dry-runs for Gemma 2B from config and tokenizer."""

import csv
from pathlib import Path

import transformers

from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.workflows.train.pipeline import dry_run
from llmexam.workflows.train.recipe import read_recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "keras_gemma_recoverer.yaml"


def test_it_is_the_published_training_and_dry_runs_for_gemma_2b(
    make_rewrites, base_folder, tmp_path
):
    told = read_recipe(RECIPE).settings
    assert isinstance(told, KerasRecovererTrainingSettings)
    assert (told.lora_rank, told.lora_layers, told.schedule) == (4, None, "cosine")
    # The shape of google/gemma-2b.
    transformers.GemmaConfig(
        vocab_size=256000,
        hidden_size=2048,
        intermediate_size=16384,
        num_hidden_layers=18,
        num_attention_heads=8,
        num_key_value_heads=1,
        head_dim=256,
        architectures=["GemmaForCausalLM"],
    ).save_pretrained(tmp_path / "2b")
    transformers.AutoTokenizer.from_pretrained(base_folder).save_pretrained(tmp_path / "2b")
    data = tmp_path / "rows.csv"
    with data.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "original_text", "rewritten_text", "rewrite_prompt"))
        rows.writerows((r.id, r.original, r.rewritten, r.prompt) for r in make_rewrites(60))
    changes = {
        "train": str(data),
        "settings": {"model": str(tmp_path / "2b"), "device": "cpu", "precision": "fp32"},
    }
    found = dry_run(RECIPE, tmp_path / "out", changes=changes).estimate
    assert "2,506,172,416, frozen; adapters of rank 4" in found.details["weights"]
    # The weights alone take 10 GB in 32 bits.
    assert 10_000 < found.peak_mb < 13_000
