"""Readers: encoders with a head that map concatenated sequences to logits.

BERT runs without padding (`packed_bert`), other models padded to the longest sequence. Both take
the same `TokenBatch`, so trainers and solvers do not depend on the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from llmexam.errors import ModelError
from llmexam.lm.encoding.int8_loading import load_int8_bert
from llmexam.lm.encoding.packed_bert import PackedBert, can_pack
from llmexam.lm.encoding.prepared_bert import prepare_bert
from llmexam.lm.models.loading import quiet_transformers
from llmexam.lm.readers.heads import (
    HeadKind,
    MeanHead,
    Task,
    draw_native_head,
    load_mean_head,
    may_be_missing,
    mean_packed,
    mean_padded,
    native_packed,
)

if TYPE_CHECKING:
    from torch import Tensor

    from llmexam.lm.models.loading import ModelFolder

# Names of dropout rates in the configurations of encoders; they differ by architecture.
_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "classifier_dropout",
    "pooler_dropout",
    "summary_last_dropout",
    "dropout",
    "attention_dropout",
    "seq_classif_dropout",
    "embedding_dropout",
    "mlp_dropout",
    "cls_dropout",
)


class Encoded(Protocol):
    """Interface of a sequence: token ids and types."""

    @property
    def ids(self) -> list[int]:
        """Token ids, special ones included."""
        ...

    @property
    def types(self) -> list[int]:
        """Token types, one per token."""
        ...


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Concatenated sequences.

    Attributes:
        ids: Token ids, shape `[n_tokens]`.
        types: Token types, shape `[n_tokens]`.
        lengths: Tokens of each sequence, shape `[n_sequences]`.
    """

    ids: Tensor
    types: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, sequences: Sequence[Encoded]) -> TokenBatch:
        """Return a batch of sequences, in order."""
        return cls(
            torch.tensor([token for one in sequences for token in one.ids]),
            torch.tensor([kind for one in sequences for kind in one.types]),
            torch.tensor([len(one.ids) for one in sequences]),
        )

    def to(self, device: torch.device | str) -> TokenBatch:
        """Return the batch with tokens on a device; lengths stay Python numbers."""
        return TokenBatch(self.ids.to(device), self.types.to(device), self.lengths)


class Reader(nn.Module):
    """An encoder with a head.

    Args:
        model: A transformers model, with its own head if `head` is None.
        head: The head over mean vectors, or None for the model's own.
        task: Task of the model's own head.

    Attributes:
        model: The transformers model.
        head: The mean head or None.
        config: Configuration of the model.
        pads: Whether batches are padded to the longest sequence.
        task: Task of the model's own head.
    """

    def __init__(self, model: Any, head: MeanHead | None, task: Task) -> None:
        super().__init__()
        self.model = model
        self.head = head
        self.task = task
        self.config = model.config
        self.pads = not can_pack(model.config)
        self._save_memory = False
        self._prepared: PackedBert | None = None

    @property
    def body(self) -> Any:
        """The encoder without its head."""
        return self.model if self.head is not None else self.model.base_model

    def forward(self, ids: Tensor, types: Tensor, lengths: Tensor | Sequence[int]) -> Tensor:
        """Return logits, float32, shape `[n_sequences, n_outputs]`.

        Args:
            ids: Token ids of all sequences, concatenated, shape `[n_tokens]`.
            types: Token types, shape `[n_tokens]`.
            lengths: Tokens of each sequence, shape `[n_sequences]`.
        """
        counts = lengths.tolist() if isinstance(lengths, torch.Tensor) else list(lengths)
        logits = self._padded(ids, types, counts) if self.pads else self._packed(ids, types, counts)
        return logits.float()

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Enable gradient checkpointing: recompute activations in the backward pass."""
        self._save_memory = True
        if self.pads:
            settings = gradient_checkpointing_kwargs or {"use_reentrant": False}
            if hasattr(self.model, "activation_checkpointing_enable"):
                self.model.activation_checkpointing_enable(settings)
            else:  # older releases of transformers
                self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)

    # Name of this attribute in newer releases of the Trainer.
    activation_checkpointing_enable = gradient_checkpointing_enable

    def prepare(self, dtype: torch.dtype, device: torch.device) -> None:
        """Convert the weights of a BERT to the fastest layout for scoring; the head is unchanged.

        The original weights of the body are freed, so it cannot be trained or saved afterwards.

        Args:
            dtype: Compute type of the body.
            device: The device.
        """
        self._replace_body(prepare_bert(self.body, dtype, device), device)

    def prepare_int8(self, tokenizer: Any, folder: ModelFolder) -> None:
        """Convert the weights of a BERT to int8 on the CPU; otherwise as `prepare`.

        Args:
            tokenizer: The model's tokenizer, for the calibration texts.
            folder: The model, for error messages.
        """
        prepared = load_int8_bert(self.body, tokenizer, folder)
        self._replace_body(prepared, torch.device("cpu"))

    def _replace_body(self, prepared: PackedBert, device: torch.device) -> None:
        self._prepared = prepared
        self.body.encoder = self.body.embeddings = None
        self.to(device)

    def save(self, folder: Path) -> None:
        """Write weights (safetensors) and configuration in the format of transformers.

        The tokenizer is not written. Merge adapters before. Files are written one by one, so write
        to a new folder and rename it when it is complete.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with quiet_transformers():
            self.model.save_pretrained(str(folder))
        if self.head is not None:
            self.head.save(folder)

    def _packed(self, ids: Tensor, types: Tensor, lengths: list[int]) -> Tensor:
        bert = self._prepared or PackedBert.of_modules(self.body)
        hidden = bert(
            ids,
            types,
            lengths,
            first_only=self.head is None,
            save_memory=self._save_memory and self.training,
        )
        # The body may be bf16, but the head stays fp32.
        if self._prepared is not None:
            hidden = hidden.float()
        if self.head is None:
            return native_packed(self.model, hidden)
        return self.head(mean_packed(hidden, lengths).to(self.head.weight.dtype))  # type: ignore[no-any-return]

    def padded_logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return logits of a padded batch, shape `[n_sequences, n_outputs]`.

        Args:
            inputs: `input_ids`, `attention_mask`, and `token_type_ids` if `tells_types`, each
                `[n_sequences, n_tokens]`.
        """
        if self.head is not None:
            hidden = self.model(**inputs).last_hidden_state
            means = mean_padded(hidden, inputs["attention_mask"])
            return self.head(means.to(self.head.weight.dtype))  # type: ignore[no-any-return]
        if self.task == "multiple-choice":
            # All sequences as options of one question, because the head scores each separately.
            inputs = {name: value.unsqueeze(0) for name, value in inputs.items()}
            return self.model(**inputs).logits.view(-1, 1)  # type: ignore[no-any-return]
        return self.model(**inputs).logits  # type: ignore[no-any-return]

    @property
    def n_outputs(self) -> int:
        """Number of logits per sequence."""
        if self.head is not None:
            return self.head.out_features
        return 1 if self.task == "multiple-choice" else int(self.config.num_labels)

    @property
    def tells_types(self) -> bool:
        """Whether the model has token type embeddings."""
        return getattr(self.config, "type_vocab_size", 0) > 1

    @property
    def pad_id(self) -> int:
        """Token id to pad with."""
        return self.config.pad_token_id if self.config.pad_token_id is not None else 0

    def _padded(self, ids: Tensor, types: Tensor, lengths: list[int]) -> Tensor:
        inputs = {
            "input_ids": _pad(ids, lengths, self.pad_id),
            "attention_mask": _pad(torch.ones_like(ids), lengths, 0),
        }
        if self.tells_types:
            inputs["token_type_ids"] = _pad(types, lengths, 0)
        return self.padded_logits(inputs)


def load_reader(
    folder: ModelFolder,
    *,
    head: HeadKind,
    task: Task = "multiple-choice",
    dropout: float | None = None,
    n_outputs: int = 1,
    new_head: bool = False,
    seed: int = 0,
) -> Reader:
    """Load the reader of a folder, in evaluation mode.

    Args:
        folder: Weights and configuration.
        head: `native` or `mean`; see `llmexam.lm.readers.heads`.
        task: Task of a native head.
        dropout: Rate of every dropout of the model; None for its own.
        n_outputs: Outputs of a new head; one per sequence for multiple choice.
        new_head: Initialise a new head. Otherwise the folder must have a trained one.
        seed: Seed of a new head.

    Raises:
        ModelError: The files are damaged, transformers has no such head for the model, or the
            folder has no trained head and `new_head` is False.
    """
    import transformers

    if head == "mean":
        model, missing = _load(folder, transformers.AutoModel, dropout, None)
        if getattr(model, "pooler", None) is not None:
            # An unused pooler gets no gradient, and DDP waits for all gradients.
            model.pooler = None
            missing = {name for name in missing if not name.startswith("pooler.")}
        _require_whole(folder, missing)
        dim = int(model.config.hidden_size)
        if new_head:
            own = MeanHead(dim, n_outputs)
            own.draw(seed)
        else:
            own = load_mean_head(folder.path, dim)
        return Reader(model, own, task).eval()
    kind = (
        transformers.AutoModelForMultipleChoice
        if task == "multiple-choice"
        else transformers.AutoModelForSequenceClassification
    )
    outputs = n_outputs if new_head and task == "classification" else None
    model, missing = _load(folder, kind, dropout, outputs)
    body = {name for name in missing if not may_be_missing(name, model)}
    _require_whole(folder, body if new_head else missing)
    if new_head:
        draw_native_head(model, missing, seed)
    return Reader(model, None, task).eval()


def _load(
    folder: ModelFolder, kind: Any, dropout: float | None, n_outputs: int | None
) -> tuple[Any, set[str]]:
    """Return the model, and the names of parameters that the folder lacks."""
    from transformers import AutoConfig

    changed = {"num_labels": n_outputs} if n_outputs is not None else {}
    try:
        config = AutoConfig.from_pretrained(
            str(folder.path), local_files_only=True, trust_remote_code=False, **changed
        )
        if dropout is not None:
            for name in _DROPOUTS:
                if hasattr(config, name):
                    setattr(config, name, dropout)
        with quiet_transformers():
            model, found = kind.from_pretrained(
                str(folder.path),
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                # A head with another number of outputs is then replaced by a new one.
                ignore_mismatched_sizes=n_outputs is not None,
            )
    except Exception as error:  # hostile values in a config lead to any exception
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"cannot be loaded: {reason}", file=folder.path) from error
    return model, {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}


def _require_whole(folder: ModelFolder, missing: set[str]) -> None:
    if missing:
        names = ", ".join(sorted(missing)[:3]) + (", ..." if len(missing) > 3 else "")
        raise ModelError(
            f"the folder has no trained weights for {names}",
            file=folder.path,
            hint="Train the model first, or use the head that it was trained with",
        )


def _pad(packed: Tensor, lengths: list[int], value: int) -> Tensor:
    parts = torch.split(packed, lengths)
    return nn.utils.rnn.pad_sequence(list(parts), batch_first=True, padding_value=value)
