import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.tiny_decoder import make_tokenizer
from tests.tiny_gemma import N_WORDS, save_tiny, torch_logits

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.decoder import Generator, Sampling, load_decoder
from llmexam.lm.keras_models.causal import load_keras_decoder, require_keras_decoder
from llmexam.lm.keras_models.causal_export import export_decoder
from llmexam.lm.keras_models.causal_generation import KerasGenerator
from llmexam.lm.keras_models.causal_lora import (
    add_lora,
    load_lora,
    lora_layers,
    save_lora,
)
from llmexam.lm.models.loading import resolve_model

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

ROWS = [
    np.random.default_rng(n).integers(4, N_WORDS, n).tolist()
    # Longer and shorter than the sliding window, and padded.
    for n in (5, 33, 20)
]


def load(folder, **more):
    return load_keras_decoder(resolve_model(str(folder)), **more)


@pytest.fixture(scope="module")
def gemma3(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("gemma3"))


def train_adapters(decoder, seed=1):
    """Give the adapters random values, as a training would."""
    draw = np.random.default_rng(seed)
    for layer in lora_layers(decoder):
        for part in (layer.lora_kernel_a, layer.lora_kernel_b):
            part.assign(draw.normal(0, 0.3, part.shape).astype(np.float32))


def differences(decoder, wanted, rows=ROWS):
    return max(np.abs(a - b).max() for a, b in zip(decoder.logits(rows), wanted, strict=True))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("gemma", {}),
        pytest.param("gemma2", {}, marks=pytest.mark.slow),
        ("gemma3", {"num_hidden_layers": 7}),
        ("gpt2", {}),
        pytest.param("llama", {"rms_norm_eps": 1e-3}, marks=pytest.mark.slow),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {"tie_word_embeddings": True}),
        pytest.param("qwen3", {}, marks=pytest.mark.slow),
    ],
)
def test_logits_equal_those_of_transformers_before_and_after_export(tmp_path, kind, values):
    folder = save_tiny(tmp_path / "base", kind, **values)
    decoder = load(folder)
    assert differences(decoder, torch_logits(folder, ROWS)) < 1e-4
    add_lora(decoder, 2, alpha=3)
    train_adapters(decoder)
    adapted = decoder.logits(ROWS)
    assert differences(decoder, torch_logits(folder, ROWS)) > 1e-2
    export_decoder(decoder, tmp_path / "merged")
    exported = torch_logits(tmp_path / "merged", ROWS)
    assert max(np.abs(a - b).max() for a, b in zip(adapted, exported, strict=True)) < 1e-4


def test_only_adapters_of_queries_and_values_are_trained(tmp_path):
    # KerasHub would train the biases of these layers too.
    decoder = load(save_tiny(tmp_path, "qwen2"))
    add_lora(decoder, 4)
    names = {one.path for one in decoder.task.trainable_variables}
    assert names == {
        f"transformer_layer_{i}/self_attention/{name}/lora_kernel_{part}"
        for i in (0, 1)
        for name in ("query", "value")
        for part in "ab"
    }


def test_trained_weights_are_written_without_adapters(tmp_path):
    decoder = load(save_tiny(tmp_path / "base", "gpt2"))
    draw = np.random.default_rng(0)
    for one in decoder.task.trainable_variables:
        one.assign(one.numpy() + draw.normal(0, 0.1, one.shape))
    export_decoder(decoder, tmp_path / "new")
    assert differences(decoder, torch_logits(tmp_path / "new", ROWS)) < 1e-4


def test_exported_folders_have_config_tokenizer_type_and_load_in_our_engine(tmp_path):
    tokenizer = make_tokenizer()
    folder = save_tiny(tmp_path / "base", tokenizer=tokenizer, dtype=torch.bfloat16)
    decoder = load(folder)
    add_lora(decoder, 2)
    train_adapters(decoder)
    export_decoder(decoder, tmp_path / "new")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "new" / name).read_bytes() == (folder / name).read_bytes()
    assert {one.suffix for one in (tmp_path / "new").iterdir()} <= {
        ".json",
        ".jinja",
        ".safetensors",
    }
    old, new = (load_file(tmp_path / one / "model.safetensors") for one in ("base", "new"))
    assert {one.dtype for one in new.values()} == {torch.bfloat16}
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        f"model.layers.{i}.self_attn.{name}_proj.weight" for i in (0, 1) for name in "qv"
    }
    engine = Generator(load_decoder(str(tmp_path / "new"), precision="fp32", device="cpu"))
    made = engine.generate(ROWS[:1], Sampling(4))[0][0].tokens
    merged = load(tmp_path / "new")
    wanted = KerasGenerator(merged, stop_ids=[3], multiple=8).generate(ROWS[:1], 4)[0]
    assert list(made)[: len(wanted)] == wanted


def test_adapters_are_saved_and_loaded(gemma3, tmp_path):
    decoder = load(gemma3)
    add_lora(decoder, 2, alpha=8, layers=["query", "ffw_gating"])
    train_adapters(decoder)
    save_lora(decoder, tmp_path / "a.safetensors")
    other = load(gemma3)
    load_lora(other, tmp_path / "a.safetensors")
    assert differences(other, decoder.logits(ROWS)) == 0


def test_adapters_of_other_models_are_refused(gemma3, tmp_path):
    path = tmp_path / "a.safetensors"
    decoder = load(gemma3)
    with pytest.raises(ModelError, match="no LoRA adapters"):
        save_lora(decoder, path)
    add_lora(decoder, 2)
    save_lora(decoder, path)
    with pytest.raises(ModelError, match="has LoRA adapters already"):
        add_lora(decoder, 2)
    wider = load(gemma3)
    add_lora(wider, 3)
    with pytest.raises(ModelError, match="expected adapters of rank 3, got rank 2"):
        load_lora(wider, path)
    others = load(gemma3)
    add_lora(others, 2, layers=["key", "value"])
    with pytest.raises(ModelError, match="of other layers"):
        load_lora(others, path)
    with pytest.raises(ModelError, match="trained on other weights"):
        load_lora(load(save_tiny(tmp_path / "other", intermediate_size=24)), path)
    for content in (b"", b"nothing"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="cannot read the adapters"):
            load_lora(load(gemma3), path)
    with pytest.raises(ModelError, match="got another file"):
        load_lora(load(gemma3), gemma3 / "model.safetensors")


def test_unknown_layers_and_quantised_models_get_no_adapters(gemma3):
    decoder = load(gemma3)
    with pytest.raises(SettingsError, match=r"got 'q_proj'.*attention_output.*query"):
        add_lora(decoder, 2, layers=["q_proj"])
    decoder.backbone.transformer_layers[1].attention.key_dense.quantize("int8")
    with pytest.raises(ModelError, match="issue 1705"):
        add_lora(decoder, 2)


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("gemma3", {"layer_types": ["full_attention"] * 2}, "layer_types"),
        ("gemma3", {"attention_bias": True}, "attention_bias"),
        ("gemma", {"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}}, "rope_theta"),
        ("gemma2", {"rms_norm_eps": 1e-5}, "rms_norm_eps"),
        ("gpt2", {"n_inner": 20}, "n_inner"),
        ("mistral", {"tie_word_embeddings": True}, "tie_word_embeddings"),
        ("llama", {"head_dim": 16}, "head_dim"),
    ],
)
def test_what_keras_hub_would_compute_otherwise_is_refused(tmp_path, kind, values, field):
    folder = save_tiny(tmp_path, kind)
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, **values}))
    with pytest.raises(ModelError, match=field):
        require_keras_decoder(resolve_model(str(folder)))


def test_other_types_and_weights_are_refused(tmp_path):
    folder = save_tiny(tmp_path / "a", "qwen2")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "model_type": "bert"}))
    with pytest.raises(ModelError, match=r"expected a model of type gemma, .*, got 'bert'"):
        load(folder)
    # A qwen2 has biases that a llama has no place for, and the other way round.
    (folder / "config.json").write_text(json.dumps({**told, "model_type": "llama"}))
    with pytest.raises(ModelError, match=r"no place for weight 'model.layers.0.self_attn.k_proj"):
        load(folder)
    folder = save_tiny(tmp_path / "b", "llama")
    (folder / "config.json").write_text(json.dumps({**told, "model_type": "qwen2"}))
    with pytest.raises(ModelError, match="KerasHub cannot load the weights"):
        load(folder)


def test_greedy_texts_equal_those_of_transformers_and_sampled_ones_follow_the_seed(tmp_path):
    import transformers

    folder = save_tiny(tmp_path)
    decoder = load(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    rows = [ROWS[1][:12], ROWS[2][:9]]
    wanted = []
    for row in rows:
        made = model.generate(
            torch.tensor([row]),
            attention_mask=torch.ones(1, len(row), dtype=torch.long),
            max_new_tokens=4,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=None,
        )
        wanted.append(made[0, len(row) :].tolist())
    assert KerasGenerator(decoder, multiple=8).generate(rows, 4) == wanted
    stop = wanted[1][2]
    cut = [row[: row.index(stop)] if stop in row else row for row in wanted]
    made = KerasGenerator(decoder, stop_ids=[stop], top_k=1, multiple=8)
    assert made.generate(rows, 4) == cut
    drawn = [
        KerasGenerator(decoder, top_k=20, seed=seed, multiple=8).generate(rows, 4)
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    again = KerasGenerator(decoder, top_k=20, seed=0, multiple=8)
    assert again.generate(rows, 4) == drawn[0] != again.generate(rows, 4)
    again.restart()
    assert again.generate(rows, 4) == drawn[0]
    assert made.generate([], 4) == []
    with pytest.raises(SettingsError, match="an empty one"):
        made.generate([[]], 4)


JAX = """
import json, sys
from pathlib import Path
import numpy as np
from llmexam.lm.keras_models.causal import load_keras_decoder
from llmexam.lm.keras_models.causal_export import export_decoder
from llmexam.lm.keras_models.causal_generation import KerasGenerator
from llmexam.lm.keras_models.causal_lora import load_lora
from llmexam.lm.models.loading import resolve_model

base, adapters, out, rows = *sys.argv[1:4], json.loads(sys.argv[4])
decoder = load_keras_decoder(resolve_model(base), backend="jax")
load_lora(decoder, Path(adapters))
np.savez(out + ".npz", *decoder.logits(rows))
export_decoder(decoder, Path(out))
drawing = KerasGenerator(decoder, top_k=20, multiple=8)
first = drawing.generate(rows, 3)
drawing.restart()
assert drawing.generate(rows, 3) == first
print(json.dumps(KerasGenerator(decoder, multiple=8).generate(rows, 3)))
"""


@pytest.mark.slow
def test_jax_computes_the_same_from_the_same_adapters(tmp_path):
    pytest.importorskip("jax")
    decoder = load(save_tiny(tmp_path / "base"))
    add_lora(decoder, 2)
    train_adapters(decoder)
    save_lora(decoder, tmp_path / "a.safetensors")
    arguments = [str(tmp_path / one) for one in ("base", "a.safetensors", "out")]
    done = subprocess.run(
        [sys.executable, "-c", JAX, *arguments, json.dumps(ROWS)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = list(np.load(tmp_path / "out.npz").values())
    assert differences(decoder, found) < 1e-4
    assert differences(decoder, torch_logits(tmp_path / "out", ROWS)) < 1e-4
    wanted = KerasGenerator(decoder, multiple=8).generate(ROWS, 3)
    assert json.loads(done.stdout.splitlines()[-1]) == wanted


def test_a_text_ends_with_the_context(tmp_path):
    decoder = load(save_tiny(tmp_path / "base", "gpt2", n_positions=16))
    long, short = KerasGenerator(decoder).generate([list(range(1, 15)), [1, 2]], 8)
    assert len(long) == 2
    assert len(short) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gemma-3-270m", "qwen2.5-coder-0.5b"])
def test_real_models_equal_transformers(shared_models, name):
    folder = shared_models / name
    rows = [ROWS[0], np.random.default_rng(0).integers(4, 150_000, 40).tolist()]
    assert differences(load(folder), torch_logits(folder, rows), rows) < 1e-3
