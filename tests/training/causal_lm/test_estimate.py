import math
import re
import shutil
from pathlib import Path

import pytest
import transformers

from llmexam.errors import ModelError
from llmexam.training.causal_lm.estimate import estimate
from llmexam.training.causal_lm.model import load_trainee
from llmexam.training.decoders.cost import find_shape, flops_per_token
from llmexam.training.decoders.memory import Shape, memory, model_shape, n_trained
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.workflows.train.recipe import read_recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "llama2_13b_sft.yaml"
NONE = {"n_layers": 0, "hidden": 0, "key_value": 0, "inner": 0, "vocabulary": 0}


@pytest.fixture(scope="module")
def llama_13b(tmp_path_factory, base_folder):
    """Config of Llama-2-13B and a tokenizer; no weights."""
    folder = tmp_path_factory.mktemp("llama-2-13b")
    config = transformers.LlamaConfig(
        vocab_size=32000,
        hidden_size=5120,
        intermediate_size=13824,
        num_hidden_layers=40,
        num_attention_heads=40,
        num_key_value_heads=40,
        max_position_embeddings=4096,
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base_folder).save_pretrained(folder)
    return folder


# Figure 1 of arXiv 1910.02054: 7.5 billion parameters on 64 GPUs.
@pytest.mark.parametrize(("stage", "gigabytes"), [(0, 120.0), (1, 31.4), (2, 16.6)])
def test_states_take_what_the_paper_says(settings_for, stage, gigabytes):
    shape = Shape(n_weights=7_500_000_000, n_linear=0, sides=0, **NONE)
    zero = {"stage": stage}
    found = memory(shape, settings_for(), n_tokens=1, n_logits=0, n_processes=64, zero=zero)
    held = found.weights + found.gradients + found.optimiser
    assert held / 1e9 == pytest.approx(gigabytes, abs=0.05)


@pytest.mark.slow
def test_the_recipe_is_the_published_one_and_its_dry_run_reads_no_weights(llama_13b, make_exam):
    recipe = read_recipe(RECIPE, {"settings": {"model": str(llama_13b), "device": "cpu"}})
    told = recipe.settings
    assert (told.batch_size, told.gradient_accumulation) == (4, 4)
    assert (told.learning_rate, told.schedule, told.n_epochs) == (5e-5, "cosine", 2)
    assert (told.precision, told.deepspeed, told.lora) == ("bf16", "zero2", None)
    assert (told.checkpoint_every, told.encoding.template) == (1000, "alpaca")
    from llmexam.training.registry import create_trainer

    exam = make_exam(33).without_passages()
    found = create_trainer("causal-lm", told).estimate(exam)
    assert found.n_steps == 2 * math.ceil(33 / 16)
    # A lower bound is no prediction.
    assert found.seconds is None
    assert re.match(r"\d+(\.\d+)? (s|min|h): ", found.details["time, lower bound"])
    assert "13,015,864,320, 13,015,864,320 of them trainable" in found.details["weights"]
    alone, eight = (
        found.details[name] for name in ("memory on a single GPU", "memory per GPU, 8 processes")
    )
    # 2 bytes of weights, 2 of gradients and 12 of the optimiser; the last two over 8.
    assert "weights 26, gradients 26, optimiser 156" in alone
    assert "weights 26, gradients 3.25, optimiser 19.5" in eight


def test_counts_are_those_of_the_training(make_exam, settings_for, base_folder):
    exam = make_exam(21)
    settings = settings_for(batch_size=2, gradient_accumulation=3, n_epochs=2)
    found = estimate(exam, settings)
    trainee = load_trainee(settings)
    examples = Examples(exam, settings, ExampleMaker(settings, trainee.tokenizer, trainee.longest))
    assert (found.n_questions, found.n_tokens) == (21, int(examples.n_tokens.sum()))
    assert found.n_steps == 8
    shape = model_shape(find_shape(str(base_folder)))
    assert shape.n_weights == sum(p.numel() for p in trainee.model.parameters())
    lora = settings_for(lora={"r": 3})
    adapted = load_trainee(lora).model
    assert n_trained(shape, lora) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert flops_per_token(shape, settings) == 6 * shape.n_linear


def test_less_is_held_where_less_is_trained(llama_13b, settings_for):
    shape = model_shape(find_shape(str(llama_13b)))
    sizes = {}
    for name, values in {
        "full": {},
        "lora": {"lora": {"r": 16}},
        "int8": {"lora": {"r": 16}, "quantise": "int8"},
        "nf4": {"lora": {"r": 16}, "quantise": "nf4"},
    }.items():
        found = memory(shape, settings_for(**values), n_tokens=2048, n_logits=64)
        saving = settings_for(gradient_checkpointing=True, **values)
        assert memory(shape, saving, n_tokens=2048, n_logits=64).activations < (
            0.15 * found.activations
        )
        sizes[name] = found.weights + found.gradients + found.optimiser
    assert sizes["full"] == 16 * shape.n_weights
    assert sizes["nf4"] < 0.45 * sizes["lora"]
    assert sizes["nf4"] < sizes["int8"] < sizes["lora"] < 0.15 * sizes["full"]


def test_a_model_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_shape(str(tmp_path))


def test_weights_that_training_would_refuse_are_refused(llama_13b, tmp_path):
    folder = shutil.copytree(llama_13b, tmp_path / "pickled")
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="only pickled weights"):
        find_shape(str(folder))
    (folder / "model.safetensors").write_bytes(b"")
    assert len(find_shape(str(folder)).weight_files) == 1
