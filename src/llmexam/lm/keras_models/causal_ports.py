"""Where each weight of a Hugging Face decoder is in KerasHub's model, by KerasHub's own converters.

A converter ports a tensor by a function that transposes and reshapes it. Applied to an array of
indices, the same function says where each number goes, so a trained variable can be written back.
KerasHub's exporters are not used: they write only the first of several key-value heads of Gemma,
and Gemma 2 as Gemma.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder

Hook = Callable[[Any, list[int]], Any]


class _Exact(np.ndarray):
    """An array that keeps its type: one converter rounds all weights to float16."""

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        return self


@dataclass(frozen=True, slots=True)
class Port:
    """A Keras variable and its tensor in the Hugging Face folder.

    Attributes:
        variable: The variable.
        tensor: Name of the tensor; several variables may be parts of one.
        hook: Turns the tensor into the variable's value; None where they are equal.
    """

    variable: Any
    tensor: str
    hook: Hook | None

    def write(self, tensor: NDArray[Any], change: NDArray[np.float32], *, add: bool) -> None:
        """Write values of the variable into its tensor, in place.

        Args:
            tensor: The tensor, float32.
            change: Values in the variable's shape.
            add: Add the values to the tensor's instead of replacing them.

        Raises:
            ModelError: The hook does more than move numbers.
        """
        flat = tensor.reshape(-1)
        if self.hook is None:
            places: Any = slice(None)
        else:
            indices = np.arange(flat.size).reshape(tensor.shape).view(_Exact)
            moved = np.asarray(self.hook(indices, list(self.variable.shape)))
            places = moved.reshape(-1)
            if places.dtype != np.int64 or len(np.unique(places)) != len(places):
                raise ModelError(f"cannot write weight '{self.tensor}' back from Keras")
        flat[places] = change.reshape(-1) + (flat[places] if add else 0)


class _Recorder:
    """Passes tensors of a folder to a converter, and records where they go."""

    def __init__(self, loader: Any, *, assign: bool) -> None:
        self._loader = loader
        self._assign = assign
        self.preset = loader.preset
        self.ports: list[Port] = []

    def get_tensor(self, name: str) -> Any:
        return self._loader.get_tensor(name)

    def port_weight(
        self, keras_variable: Any, hf_weight_key: str, hook_fn: Hook | None = None
    ) -> None:
        self.ports.append(Port(keras_variable, hf_weight_key, hook_fn))
        if not self._assign:
            return
        value = np.asarray(self._loader.get_tensor(hf_weight_key)).view(_Exact)
        if hook_fn is not None:
            value = hook_fn(value, list(keras_variable.shape))
        keras_variable.assign(np.asarray(value))


def port_weights(
    source: ModelFolder, loader: Any, backbone: Any, spare: tuple[str, ...] = ()
) -> tuple[Port, ...]:
    """Assign the weights of a folder to a backbone, and return where each one is.

    Args:
        source: The Hugging Face folder.
        loader: KerasHub's loader of this folder.
        backbone: The backbone, without weights.
        spare: Names of tensors that the backbone has no place for.

    Raises:
        ModelError: A weight is missing, has another shape, or has no place in the backbone.
    """
    from keras_hub.src.utils.transformers.safetensor_utils import SafetensorLoader

    with _clear_errors(source), SafetensorLoader(loader.preset) as files:
        recorder = _Recorder(files, assign=True)
        loader.converter.convert_weights(backbone, recorder, loader.config)
        names = tensor_files(source)
        ports = tuple(
            Port(port.variable, files.get_prefixed_key(port.tensor, names), port.hook)
            for port in recorder.ports
        )
    _require_all(source, backbone, ports, names.keys() - set(spare))
    return ports


def tensor_files(source: ModelFolder) -> dict[str, str]:
    """Return the file name of each tensor of a folder."""
    from safetensors import safe_open

    found: dict[str, str] = {}
    for path in source.weight_files:
        with safe_open(path, framework="np") as file:
            found |= dict.fromkeys(file.keys(), path.name)
    return found


def _require_all(
    source: ModelFolder, backbone: Any, ports: tuple[Port, ...], names: AbstractSet[str]
) -> None:
    """Check that all tensors are used, and all variables filled."""
    used = {port.tensor for port in ports}
    # Tied heads are stored twice in some folders; the others are masks and not trained.
    unneeded = ("lm_head.weight", ".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
    unused = sorted(name for name in names - used if not name.endswith(unneeded))
    if unused:
        raise ModelError(
            f"KerasHub's model has no place for weight '{unused[0]}'",
            file=source.path,
            hint="Train it with family `recoverer` or `causal-lm`, which use torch",
        )
    filled = {id(port.variable) for port in ports}
    empty = [one.path for one in backbone.weights if id(one) not in filled]
    if empty:
        raise ModelError(f"no weight of the folder belongs to '{empty[0]}'", file=source.path)


@contextmanager
def _clear_errors(source: ModelFolder) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (KeyError, OSError, SafetensorError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"KerasHub cannot load the weights: {reason}", file=source.path) from error
