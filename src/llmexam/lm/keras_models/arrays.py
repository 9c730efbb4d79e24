"""Tensors of any backend as NumPy arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.backend import import_keras


def float_array(value: Any) -> NDArray[np.float32]:
    """Return a tensor or variable of any floating type as an array in float32."""
    array: NDArray[np.float32] = numpy_array(import_keras().ops.cast(value, "float32"))
    return array


def numpy_array(value: Any) -> NDArray[Any]:
    """Return a tensor or variable as an array of the same type."""
    with _quiet():
        array: NDArray[Any] = import_keras().ops.convert_to_numpy(value)
    return array


def predicted(model: Any, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the output of a Keras model for one batch, float32."""
    with _quiet():
        return np.asarray(model.predict_on_batch(dict(inputs)), dtype=np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # Keras converts tensors of torch in a way that NumPy 2 warns of.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield
