"""Entries of a table that pairs variables of Keras with tensors of a safetensors file.

An entry holds both directions, and the shapes that a file must have follow from its inverse, so
import and export cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable and the tensors that it is made of.

    Attributes:
        variable: The variable of Keras, or a tensor, such as a kernel merged with its adapter.
        names: Names of the tensors, without the prefix of the model where `in_body` is true.
        in_body: Whether the tensors belong to the encoder, and not to its head.
        to_keras: Returns the variable's value, given the tensors in order.
        to_file: Returns the tensors in order, given the variable's value.
    """

    variable: Any
    names: tuple[str, ...]
    in_body: bool
    to_keras: Callable[..., Array]
    to_file: Callable[[Array], tuple[Array, ...]]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the tensors in the file."""
        nothing = np.broadcast_to(np.float32(0), tuple(self.variable.shape))
        return tuple(one.shape for one in self.to_file(nothing))


def same(variable: Any, name: str, *, in_body: bool = True) -> Entry:
    """Return the entry of a tensor that Keras has in the same layout."""
    return Entry(variable, (name,), in_body, lambda value: value, lambda value: (value,))


def linear(layer: Any, name: str, *, n_inputs: int = 1, in_body: bool = True) -> list[Entry]:
    """Return the entries of a `torch.nn.Linear` with a bias.

    Args:
        layer: A built `Dense` or `EinsumDense`.
        name: Name of the module in the file; "" for tensors named `weight` and `bias` alone.
        n_inputs: Number of the kernel's first axes that are inputs; the others are outputs.
        in_body: Whether it belongs to the encoder.
    """
    start = f"{name}." if name else ""
    shape = tuple(layer.kernel.shape)
    width = int(np.prod(shape[:n_inputs]))
    kernel = Entry(
        layer.kernel,
        (f"{start}weight",),
        in_body,
        lambda weight: weight.T.reshape(shape),
        lambda value: (value.reshape(width, -1).T,),
    )
    bias_shape = tuple(layer.bias.shape)
    bias = Entry(
        layer.bias,
        (f"{start}bias",),
        in_body,
        lambda value: value.reshape(bias_shape),
        lambda value: (value.reshape(-1),),
    )
    return [kernel, bias]


def norm(layer: Any, name: str) -> list[Entry]:
    """Return the entries of a `torch.nn.LayerNorm`."""
    return [same(layer.gamma, f"{name}.weight"), same(layer.beta, f"{name}.bias")]
