"""The end of a training, whatever the family: what the card says, and the folder that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.lm.models.card import ModelCard
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.checkpoint import finish_checkpoint
from llmexam.training.loop import Trained
from llmexam.training.protocol import Checkpoint
from llmexam.training.settings import TrainingSettings


def finish_training(
    folder: Path,
    trained: Trained,
    settings: TrainingSettings,
    save: Callable[[Path], None],
    *,
    source: ModelFolder,
    told: Mapping[str, Any],
    card: Mapping[str, Any],
    tokenizer: Any = None,
    notes: Sequence[str] = (),
) -> Checkpoint:
    """Leave a trained model with its card; of several processes only the first writes.

    Args:
        folder: The folder of the training.
        trained: How it went.
        settings: How it was trained.
        save: Writes the model into a folder it is given.
        source: The weights it began with.
        told: What the family says of the model: fields of `ModelCard`.
        card: What the caller says of it, which goes before.
        tokenizer: Saved beside the model, if given.
        notes: What a person should know.

    Raises:
        ModelError: `save` wrote a pickled file, which is not given away.
    """
    training = settings.model_dump(mode="json")
    known = {
        "base_model": training["model"],
        "base_weights_hash": source.weights_hash,
        "training": training,
        **told,
        **card,
    }
    return finish_checkpoint(
        folder,
        save,
        ModelCard(**known),
        tokenizer=tokenizer,
        curve=trained.curve,
        best_step=trained.best_step,
        dev_scores=trained.dev_scores,
        notes=notes,
    )
