"""Variables of models and optimisers on disk, as safetensors that every backend reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from llmexam.errors import RunError
from llmexam.lm.keras_models.arrays import numpy_array
from llmexam.storage.atomic import atomic_path
from llmexam.training.base.weights import StepFiles

_CPU = "cpu"


def save_variables(path: Path, variables: Sequence[Any]) -> None:
    """Write variables as safetensors atomically."""
    arrays = {
        name: np.asarray(numpy_array(variable), order="C") for name, variable in _named(variables)
    }
    with atomic_path(path) as temporary:
        save_file(arrays, temporary)


def load_variables(path: Path, variables: Sequence[Any]) -> None:
    """Load variables from a file in place.

    Raises:
        RunError: The file is missing or damaged, or is of another model.
    """
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot read the weights: {error}", file=path) from None
    named = dict(_named(variables))
    if found.keys() != named.keys() or any(
        found[name].shape != tuple(one.shape) for name, one in named.items()
    ):
        raise RunError(
            "the saved weights belong to another model",
            file=path,
            hint="Train again with --overwrite",
        )
    for name, variable in named.items():
        variable.assign(found[name])


def save_random_state(path: Path) -> None:
    """Write the random state that is not in variables: on torch, dropout draws from torch's own."""
    with atomic_path(path) as temporary:
        save_file(dict(_random_states()), temporary)


def load_random_state(path: Path) -> None:
    """Restore the random state of a file; states of other devices are left out."""
    import torch

    found = load_file(path)
    if _CPU in found:
        torch.set_rng_state(torch.from_numpy(found[_CPU]))
    for place in range(torch.cuda.device_count()):
        if f"cuda-{place}" in found:
            torch.cuda.set_rng_state(torch.from_numpy(found[f"cuda-{place}"]), place)


def _random_states() -> Iterator[tuple[str, np.ndarray]]:
    import torch

    yield _CPU, torch.get_rng_state().numpy()
    for place in range(torch.cuda.device_count()):
        yield f"cuda-{place}", torch.cuda.get_rng_state(place).cpu().numpy()


def synchronise(model: Any) -> None:
    """Write the current values into the variables: during `fit`, JAX keeps them elsewhere."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


class BestVariables(StepFiles):
    """Store of the best weights so far.

    Args:
        model: The trained model.
        folder: The training folder.
    """

    def __init__(self, model: Any, folder: Path) -> None:
        super().__init__(folder)
        self._model = model

    def save(self, step: int) -> None:
        """Save the model's current weights as those of a step."""
        save_variables(self.path(step), self._model.trainable_variables)

    def load(self, step: int) -> None:
        """Load the weights of a step into the model.

        Raises:
            RunError: There are none.
        """
        load_variables(self.path(step), self._model.trainable_variables)


class KerasAverage:
    """The exponential moving average that a Keras optimiser keeps (`use_ema`).

    Args:
        model: The compiled model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set the model's weights to the average within the `with` block."""
        variables = self._model.trainable_variables
        own = [numpy_array(one).copy() for one in variables]
        self.apply()
        try:
            yield
        finally:
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)

    def apply(self) -> None:
        """Set the model's weights to the average."""
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)


def _named(variables: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    # By place: paths have numbers that depend on what else the process has built.
    for place, variable in enumerate(variables):
        yield f"{place:04d}/{variable.name}", variable
