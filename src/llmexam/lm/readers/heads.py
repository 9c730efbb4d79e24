"""Heads of readers, from token vectors to outputs.

`native` is transformers' head for a task, usually a pooler over the first token. `mean` is a linear
layer over the mean of all token vectors; it also works for models whose first token was not trained
as a summary.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from llmexam.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

HeadKind = Literal["native", "mean"]
Task = Literal["multiple-choice", "classification"]

MEAN_HEAD_FILE = "head.safetensors"
# Standard deviation of new weights, as BERT's `initializer_range`.
_SPREAD = 0.02


class MeanHead(nn.Linear):
    """A linear layer over the mean token vector of a sequence."""

    def draw(self, seed: int) -> None:
        """Initialise the weights from a seeded generator, and the bias with 0."""
        with torch.no_grad():
            self.weight.normal_(0.0, _SPREAD, generator=torch.Generator().manual_seed(seed))
            self.bias.zero_()

    def save(self, folder: Path) -> None:
        """Write the head into a folder."""
        from safetensors.torch import save_file

        tensors = {name: t.detach().cpu().contiguous() for name, t in self.state_dict().items()}
        save_file(tensors, folder / MEAN_HEAD_FILE)


def load_mean_head(folder: Path, dim: int) -> MeanHead:
    """Return the trained head of a folder.

    Raises:
        ModelError: There is none, or it belongs to another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / MEAN_HEAD_FILE
    if not path.is_file():
        raise ModelError(
            f"the folder has no {MEAN_HEAD_FILE}, so its head was not trained",
            file=folder,
            hint="Train a model on these weights first",
        )
    try:
        tensors = load_file(path)
        head = MeanHead(dim, len(tensors["bias"]))
        head.load_state_dict(tensors)
    except (SafetensorError, KeyError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the head does not fit the model: {reason}", file=path) from None
    return head


def mean_packed(hidden: Tensor, lengths: list[int]) -> Tensor:
    """Return the mean vector of each sequence; `[n_tokens, dim]` -> `[n_sequences, dim]`."""
    return torch.stack([part.float().mean(0) for part in torch.split(hidden, lengths)])


def mean_padded(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return sequences' mean vectors; `[n_sequences, n_tokens, dim]`, mask 1 for tokens."""
    weights = mask.unsqueeze(-1).float()
    return (hidden.float() * weights).sum(1) / weights.sum(1)


def native_packed(model: Any, first: Tensor) -> Tensor:
    """Return the outputs of transformers' head of a BERT, from the first tokens' vectors.

    Args:
        model: A `BertForMultipleChoice` or `BertForSequenceClassification`.
        first: Vectors of the first tokens, shape `[n_sequences, dim]`.
    """
    pooler = model.bert.pooler
    out: Tensor = model.classifier(model.dropout(pooler.activation(pooler.dense(first))))
    return out


def draw_native_head(model: Any, missing: set[str], seed: int) -> None:
    """Initialise a new head from a seeded generator: normal linear layers, biases 0, norms 1.

    Args:
        model: A model of transformers with a head.
        missing: Names of parameters that the folder lacks.
        seed: Seed of the generator.
    """
    generator = torch.Generator().manual_seed(seed)
    spread = float(getattr(model.config, "initializer_range", _SPREAD) or _SPREAD)
    for name, module in model.named_modules():
        own = {f"{name}.{part}" for part, _ in module.named_parameters(recurse=False)}
        # A pooler belongs to the body in transformers: it is new only if the folder lacks it.
        if not own or not (own & missing or in_head(name, model)):
            continue
        if isinstance(module, nn.Linear):
            with torch.no_grad():
                module.weight.normal_(0.0, spread, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        elif hasattr(module, "reset_parameters"):
            module.reset_parameters()


def in_head(name: str, model: Any) -> bool:
    """Return whether a module or parameter belongs to the head."""
    return not name.startswith(f"{model.base_model_prefix}.")


def may_be_missing(name: str, model: Any) -> bool:
    """Return whether a new head initialises this parameter; a pooler counts as part of the head."""
    return in_head(name, model) or ".pooler." in name
