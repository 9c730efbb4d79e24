"""Tiny decoders of many architectures, random but fixed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from llmexam.lm.decoder.model import Decoder

VOCABULARY = 97
_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers.LlamaConfig(**_COMMON),
    "mistral": lambda: transformers.MistralConfig(**_COMMON, sliding_window=7),
    "qwen3": lambda: transformers.Qwen3Config(**_COMMON, head_dim=8),
    "gemma2": lambda: transformers.Gemma2Config(**_COMMON, head_dim=8, sliding_window=7),
    "gemma3": lambda: transformers.Gemma3TextConfig(**_COMMON, head_dim=8, sliding_window=7),
    "phi": lambda: transformers.PhiConfig(**_COMMON),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256
    ),
    "gpt-oss": lambda: transformers.GptOssConfig(
        **_COMMON, head_dim=8, num_local_experts=2, num_experts_per_tok=1, sliding_window=7
    ),
    "granite": lambda: transformers.GraniteConfig(**_COMMON, logits_scaling=3.0),
    # These cannot share: a state that runs through the tokens, and attention of its own.
    "mamba": lambda: transformers.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4
    ),
}


def _make(name: str) -> Decoder:
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(CONFIGS[name]()).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return Decoder(model, None)


def _make_classifier(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = CONFIGS[name]()
    for key, value in {"num_labels": 1, **changes}.items():
        setattr(config, key, value)
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture
def make_classifier() -> Callable[..., Any]:
    """Makes a tiny decoder with a binary head by name; what else is given changes its config."""
    return _make_classifier


@pytest.fixture
def make_decoder() -> Callable[[str], Decoder]:
    """Makes a tiny decoder by name, with weights so wide that nothing is near zero."""
    return _make


@pytest.fixture
def llama() -> Decoder:
    """A tiny Llama."""
    return _make("llama")
