"""The trained model: a reader whose logits are grouped by question."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from llmexam.training.base.trainee import Trainee, load_encoder
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings


def load_trainee(settings: MultipleChoiceTrainingSettings) -> Trainee:
    """Return the model at the start of training; see `load_encoder`."""
    return load_encoder(
        settings.model,
        settings,
        head=settings.head,
        task="multiple-choice",
        max_tokens=settings.encoding.max_tokens,
    )


class ChoiceModel(nn.Module):
    """A reader whose logits are grouped by question.

    Args:
        reader: Gives a logit a sequence: `reader(ids, types, lengths)`, shape `[n_sequences, 1]`.
    """

    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(
        self,
        ids: Tensor,
        types: Tensor,
        lengths: Sequence[int],
        cells: Tensor,
        shape: tuple[int, int],
        soft_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return `logits`, float32, shape `[n_questions, n_options]`, -inf where there is none.

        Args:
            ids: Token ids of all options of all questions, end to end, shape `[n_tokens]`.
            types: Token types, same shape.
            lengths: Tokens of each option. Numbers, not a tensor: a GPU would be waited for.
            cells: Where each option stands in the flattened logits, shape `[n_sequences]`.
            shape: Shape of the logits.
            soft_labels: Probabilities of a teacher, returned for the loss.
        """
        scores = self.reader(ids, types, lengths).float().squeeze(-1)
        rows = scores.new_full((shape[0] * shape[1],), -torch.inf)
        outputs = {"logits": rows.index_copy(0, cells, scores).view(*shape)}
        return outputs if soft_labels is None else outputs | {"soft_labels": soft_labels}
