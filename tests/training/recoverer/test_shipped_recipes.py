"""The recipes of recoverers parse, and their dry runs need a config and a tokenizer only."""

import csv
from pathlib import Path

import pytest
import transformers

from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.workflows.train.pipeline import dry_run
from llmexam.workflows.train.recipe import read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
# Shapes as in the configs on the hub (google/gemma-2b-it, google/gemma-7b-it).
SHAPES = {
    "2b": {
        "hidden_size": 2048,
        "intermediate_size": 16384,
        "num_hidden_layers": 18,
        "num_attention_heads": 8,
        "num_key_value_heads": 1,
    },
    "7b": {
        "hidden_size": 3072,
        "intermediate_size": 24576,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
    },
}


@pytest.fixture
def shape_folder(base_folder, tmp_path):
    """A function that writes the config of a Gemma and a tokenizer; no weights."""

    def make(size):
        folder = tmp_path / size
        config = transformers.GemmaConfig(
            vocab_size=256000, head_dim=256, architectures=["GemmaForCausalLM"], **SHAPES[size]
        )
        config.save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(base_folder).save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture
def data(make_rewrites, tmp_path):
    """A file of rewrites."""
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "original_text", "rewritten_text", "rewrite_prompt"))
        rows.writerows((r.id, r.original, r.rewritten, r.prompt) for r in make_rewrites(60))
    return str(path)


@pytest.mark.parametrize(
    ("size", "quantise", "n_weights", "n_trained"),
    [
        # q: 2048 to 2048, k and v: 2048 to 256, o: 2048 to 2048; 18 layers, rank 16.
        ("2b", "int8", "2,506,172,416", 18 * 16 * (4096 + 2 * 2304 + 4096)),
        # q, k, v: 3072 to 4096, o: 4096 to 3072; 28 layers, rank 16.
        ("7b", "nf4", "8,537,680,896", 28 * 16 * 4 * 7168),
    ],
)
def test_published_recipes_dry_run_without_weights(
    shape_folder, data, tmp_path, size, quantise, n_weights, n_trained
):
    path = RECIPES / f"gemma_{size}_recoverer.yaml"
    told = read_recipe(path).settings
    assert isinstance(told, RecovererTrainingSettings)
    assert (told.lora.r, told.lora.alpha, told.learning_rate, told.n_epochs) == (16, 32, 5e-5, 1)
    assert told.lora.targets == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (told.quantise, told.prompting.format, told.schedule) == (quantise, "gemma", "cosine")
    changes = {"train": data, "settings": {"model": shape_folder(size), "device": "cpu"}}
    found = dry_run(path, tmp_path / "out", changes=changes)
    assert f"{n_weights}, frozen; {n_trained:,} trainable" in found.estimate.details["weights"]
    # 2B in 8 bits and 7B in 4 bits: the embeddings, in 32 bits, take as much as the layers.
    assert 3_000 < found.estimate.peak_mb < 12_000
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_recipe_for_a_cpu_parses():
    told = read_recipe(RECIPES / "gemma3_270m_recoverer.yaml")
    assert told.settings.quantise is None
    assert sum(file.n_questions for file in told.train) == 2200
