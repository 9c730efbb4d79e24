"""Copies of trained weights: the best so far, and a moving average."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from llmexam.errors import RunError
from llmexam.storage.atomic import atomic_path
from llmexam.training.base.checkpoints import BEST_FOLDER, best_path


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the trained parameters and the persistent buffers, by name."""
    saved = model.state_dict().keys()
    return {
        **{name: p for name, p in model.named_parameters() if p.requires_grad},
        **{name: b for name, b in model.named_buffers() if name in saved},
    }


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights as safetensors atomically."""
    with atomic_path(path) as temporary:
        save_file({n: w.detach().contiguous().cpu() for n, w in weights.items()}, temporary)


@torch.no_grad()
def load_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Load weights from a file in place.

    Args:
        path: A file that `save_weights` wrote.
        weights: Tensors to overwrite, such as `trained_weights(model)`.

    Raises:
        RunError: The file is missing, or is of another model.
    """
    try:
        found = load_file(path)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read the weights: {error}", file=path) from None
    if found.keys() != weights.keys():
        raise RunError(
            "the saved weights belong to another model",
            file=path,
            hint="Train again with --overwrite",
        )
    _copy(found, weights)


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, weight in target.items():
        weight.copy_(source[name].to(weight.device))


class WeightStore(Protocol):
    """Interface of a store of the best weights so far."""

    def save(self, step: int) -> None:
        """Save the model's current weights as those of a step."""
        ...

    def prune(self, needed: Iterable[int]) -> None:
        """Delete the weights of all other steps."""
        ...


class WeightAverage(Protocol):
    """Interface of a moving average of the weights."""

    def applied(self) -> AbstractContextManager[None]:
        """Set the model's weights to the average within the `with` block."""
        ...


class StepFiles:
    """Files of the best weights so far, one per best step, in `folder/best`.

    A file stays as long as a checkpoint refers to its step, so that a resumed training finds the
    weights of its checkpoint.

    Args:
        folder: The training folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / BEST_FOLDER

    def prune(self, needed: Iterable[int]) -> None:
        """Delete the weights of all other steps."""
        keep = {self.path(step) for step in needed}
        for path in self._folder.glob("*.safetensors"):
            if path not in keep:
                path.unlink(missing_ok=True)

    def path(self, step: int) -> Path:
        """Return the file of a step."""
        return best_path(self._folder, step)


class BestWeights(StepFiles):
    """Store of the best weights so far.

    Args:
        model: The trained model.
        folder: The training folder.
    """

    def __init__(self, model: nn.Module, folder: Path) -> None:
        super().__init__(folder)
        self._model = model

    def save(self, step: int) -> None:
        """Save the model's current weights as those of a step."""
        save_weights(self.path(step), trained_weights(self._model))

    def load(self, step: int) -> None:
        """Load the weights of a step into the model.

        Raises:
            RunError: There are none.
        """
        load_weights(self.path(step), trained_weights(self._model))


class Average:
    """Exponential moving average of the weights.

    After step t the average is d * average + (1 - d) * weights, where d is the minimum of the
    decay and (1 + t) / (10 + t), so that the initial weights decay quickly (as in TensorFlow's
    ExponentialMovingAverage).

    Args:
        model: The trained model.
        decay: The final value of d.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model = model
        self._decay = decay
        self.weights = {n: w.detach().clone() for n, w in trained_weights(model).items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average after a step, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, weight in trained_weights(self._model).items():
            kept = self.weights[name]
            if kept.is_floating_point():
                kept.lerp_(weight.to(kept.device), 1 - decay)
            else:
                kept.copy_(weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set the model's weights to the average within the `with` block."""
        own = {n: w.detach().clone() for n, w in trained_weights(self._model).items()}
        self.apply()
        try:
            yield
        finally:
            self._put(own)

    def apply(self) -> None:
        """Set the model's weights to the average."""
        self._put(self.weights)

    def save(self, path: Path) -> None:
        """Write the average."""
        save_weights(path, self.weights)

    def load(self, path: Path) -> None:
        """Load the average.

        Raises:
            RunError: The file is missing, or is of another model.
        """
        load_weights(path, self.weights)

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        _copy(weights, trained_weights(self._model))
