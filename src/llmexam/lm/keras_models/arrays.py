"""Tensors of any backend as NumPy arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.backend import import_keras


def float_array(value: Any) -> NDArray[np.float32]:
    """Return a tensor or variable of any floating type as an array in float32."""
    ops = import_keras().ops
    with warnings.catch_warnings():
        # Keras converts tensors of torch in a way that NumPy 2 warns of.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        array: NDArray[np.float32] = ops.convert_to_numpy(ops.cast(value, "float32"))
    return array
