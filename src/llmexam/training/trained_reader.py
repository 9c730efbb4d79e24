"""The reader that a training begins with: its head, and what of it is trained."""

from __future__ import annotations

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder
from llmexam.lm.readers.heads import MEAN_HEAD_FILE, HeadKind, Task
from llmexam.lm.readers.reader import Reader, load_reader
from llmexam.training.lora import apply_lora
from llmexam.training.optimiser import freeze
from llmexam.training.settings import TrainingSettings


def open_reader(
    source: ModelFolder, settings: TrainingSettings, *, head: HeadKind, task: Task
) -> tuple[Reader, bool]:
    """Return the reader of some weights, and whether its head was drawn.

    A head that was trained before, and gives one score a sequence, is trained further.

    Raises:
        ModelError: The weights cannot be used.
    """

    def load(new_head: bool) -> Reader:
        return load_reader(
            source,
            head=head,
            task=task,
            dropout=settings.dropout,
            new_head=new_head,
            seed=settings.seed,
        )

    if head == "mean":
        new_head = not (source.path / MEAN_HEAD_FILE).is_file()
        return load(new_head), new_head
    try:
        reader = load(False)
    except ModelError:
        # No head, or one of another shape; damaged weights fail again.
        return load(True), True
    return (reader, False) if reader.n_outputs == 1 else (load(True), True)


def prepare_reader(reader: Reader, settings: TrainingSettings) -> tuple[str, ...]:
    """Freeze and adapt a reader as the settings say; return the names of its head's modules.

    Raises:
        SettingsError: There are not so many layers to freeze, or no such layers to adapt.
    """
    names: tuple[str, ...] = ("head",)
    if reader.head is None:
        body = reader.model.base_model_prefix
        names = (*(name for name, _ in reader.model.named_children() if name != body), "pooler")
    freeze(reader, settings)
    apply_lora(reader, settings, names)
    if settings.gradient_checkpointing:
        reader.gradient_checkpointing_enable()
    return names
