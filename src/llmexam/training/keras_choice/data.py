"""Training questions as padded batches of a few fixed shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.exam import Exam
from llmexam.lm.keras_models.choice_model import padded_options
from llmexam.lm.keras_models.sequence_model import SequenceModel
from llmexam.training.base.batching import BatchPlan, Draw
from llmexam.training.keras_base.passes import padded_length, passes
from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings
from llmexam.training.option_sequences import Tokens, encode
from llmexam.training.preflight import without_repeats
from llmexam.training.variation import vary

Inputs = dict[str, NDArray[np.int32]]
Batch = tuple[Inputs, NDArray[np.int32], NDArray[np.float32]]


class ChoiceBatches:
    """The training questions, encoded once; assembles the batch of each pass.

    Args:
        exam: The questions, with answers.
        settings: How a question becomes tokens, and what is varied.
        tokenizer: A fast tokenizer of transformers.
        reader: The model, which tells its inputs and the token id of padding.

    Attributes:
        read: Options as tokens.
        bare: The same without evidence; None where evidence is never left out.
    """

    def __init__(
        self,
        exam: Exam,
        settings: KerasChoiceTrainingSettings,
        tokenizer: Any,
        reader: SequenceModel,
    ) -> None:
        used = without_repeats(exam) if settings.drop_repeats else exam
        self._settings = settings
        self._reader = reader
        self._answers = used.answers
        self.read = encode(used.questions, settings.encoding, tokenizer)
        self.bare = None
        if settings.evidence_dropout and any(q.passages for q in used):
            blind = [q.with_passages(()) for q in used]
            self.bare = encode(blind, settings.encoding, tokenizer)
        self._plan = BatchPlan(
            self.read.n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            seed=settings.seed,
        )
        self._n_options = int(self.read.n_options.max())

    def __len__(self) -> int:
        return len(self._answers)

    def batches(self, first_step: int, n_steps: int) -> Iterator[Batch]:
        """Yield inputs, labels and weights of all passes from a step on."""
        settings = self._settings
        for one in passes(
            self._plan,
            batch_size=settings.batch_size,
            n_passes=settings.gradient_accumulation,
            first_step=first_step,
            n_steps=n_steps,
        ):
            yield self.batch(one.draws, one.weight)

    def batch(self, draws: Sequence[Draw], weight: float = 1.0) -> Batch:
        """Return the batch of a pass; rows without a question have weight 0."""
        size = self._settings.batch_size
        labels = np.zeros(size, dtype=np.int32)
        weights = np.zeros(size, dtype=np.float32)
        questions: list[list[Tokens]] = []
        for row, draw in enumerate(draws):
            answer = int(self._answers[draw.row])
            n_options = int(self.read.n_options[draw.row])
            how = vary(n_options, answer, self._settings, epoch=draw.epoch, row=draw.row)
            source = self.read if how.with_evidence or self.bare is None else self.bare
            start = int(source.first[draw.row])
            questions.append([source.tokens(start + int(option)) for option in how.order])
            labels[row], weights[row] = how.answer, weight
        return self._padded(questions), labels, weights

    def _padded(self, questions: Sequence[Sequence[Tokens]]) -> Inputs:
        settings = self._settings
        longest = max((len(ids) for own in questions for ids, _ in own), default=1)
        return padded_options(
            questions,
            self._reader.inputs,
            n_questions=settings.batch_size,
            n_options=self._n_options,
            n_tokens=padded_length(longest, settings.length_multiple, settings.encoding.max_tokens),
            pad_id=self._reader.pad_id,
        )
