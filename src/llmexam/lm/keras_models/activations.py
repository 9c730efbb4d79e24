"""Activations of Hugging Face configurations in Keras."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.weights.model_config import ModelConfig

_EXACT = ("gelu", "gelu_python")
_APPROXIMATE = ("gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate")
_SAME = {"relu": "relu", "silu": "silu", "swish": "silu", "tanh": "tanh", "sigmoid": "sigmoid"}
ACTIVATIONS = (*_EXACT, *_APPROXIMATE, *_SAME)


def activation_of(config: ModelConfig, key: str) -> Callable[[Any], Any]:
    """Return the function that a key of a configuration names.

    `gelu` is the exact one in Hugging Face, where some backbones of KerasHub have the
    approximation by tanh.

    Raises:
        ModelError: Keras has no such activation.
    """
    config.require(key, *ACTIVATIONS, why="Keras has no other activation of transformers")
    name = str(config.values[key])
    gelu = import_keras().activations.gelu
    if name in _EXACT:
        return partial(gelu, approximate=False)
    if name in _APPROXIMATE:
        return partial(gelu, approximate=True)
    found: Callable[[Any], Any] = import_keras().activations.get(_SAME[name])
    return found
