"""Base of cross-encoders and multiple-choice models: a trained encoder scores each option.

They differ in their training loss, and so in the meaning of their logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import SettingsError, UntrainedModelError
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import (
    EvidenceOrigin,
    ModelCard,
    read_card,
    read_card_values,
    require_family,
)
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.lm.readers.sequence_scoring import load_sequence_scorer
from llmexam.settings.base import Settings
from llmexam.settings.kinds import CacheDir, ModelRef, NotInKey
from llmexam.solvers.protocol import BaseSolver, Explanation, NoUsage, Usage
from llmexam.solvers.readers.encoding import EncodedQuestion, EncodingSettings, encode_questions
from llmexam.solvers.readers.foreign import (
    EXAMPLE,
    ForeignEncoding,
    ForeignModel,
    encode_foreign,
    foreign_scores,
    output_names,
)
from llmexam.solvers.readers.reasons import explain_question

if TYPE_CHECKING:
    from llmexam.lm.readers.sequence_scoring import SequenceScorer

# Number of questions whose tokens and scores are cached for `explain`, some 10 kB each.
_MAX_CACHED = 10_000


class OptionReaderSettings(Settings):
    """Settings of solvers with a trained encoder."""

    model: ModelRef = Field(
        min_length=1, description="folder of a model that `llmexam train` trained for this solver"
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where the processor has fast bf16 "
        "arithmetic, else fp32; 'int8' is faster and less exact, for BERT models on "
        "a CPU with VNNI or AMX",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    cache_dir: CacheDir | None = Field(
        None, description="folder that caches scores, so that no text is scored twice"
    )
    allow_other_evidence: Annotated[bool, NotInKey()] = Field(
        False, description="accept evidence retrieved with other settings than in training"
    )
    n_supports: Annotated[int, NotInKey()] = Field(
        3, ge=0, description="number of supporting sentences reported for each option"
    )


class ForeignReaderSettings(OptionReaderSettings):
    """Settings of solvers that also read models that were trained elsewhere."""

    model: ModelRef = Field(
        min_length=1,
        description="folder of a model that `llmexam train` trained for this solver, or of one "
        "that was trained elsewhere, with its encoding",
    )
    encoding: ForeignEncoding | None = Field(
        None,
        description="how a model that was trained elsewhere reads a question; without it, the "
        "model must have been trained by llmexam",
    )


@dataclass(frozen=True, slots=True)
class Read:
    """A question, its tokens, and the logit of each option."""

    question: Question
    encoded: EncodedQuestion
    logits: NDArray[np.float64]


class OptionReader(BaseSolver):
    """Scores each option separately, with the evidence selected for it.

    The score is the model's logit. The encoding is read from the model card, so that it equals
    that of the training; only for models that were trained elsewhere it is a setting. Options
    do not attend to each other, so their positions make no difference.

    Attributes:
        family: Name of the solver, which must be that of the model card.
        task: Task of the model's native head.
        encoding_class: Settings class of the encoding.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
    """

    family: ClassVar[str]
    task: ClassVar[Literal["multiple-choice", "classification"]]
    encoding_class: ClassVar[type[EncodingSettings]] = EncodingSettings
    order_invariant = True
    settings: OptionReaderSettings

    def __init__(self, settings: OptionReaderSettings | None = None, **values: Any) -> None:
        require_packages(f"solver '{self.family}'")
        super().__init__(settings, **values)
        self._cache: dict[str, Read] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one logit per option, shape `[n_questions, n_options]`.

        `truncated` marks questions whose evidence or prompt was truncated.

        Raises:
            SettingsError: The model was not trained for this solver.
            ModelError: The model cannot be found or used.
        """
        read = self._read(questions)
        return ScoreMatrix.from_rows(
            [one.question.id for one in read],
            [self._judge(one) for one in read],
            [one.encoded.truncated for one in read],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the model's outputs and the sentences it read."""
        return [
            explain_question(
                one.question,
                one.encoded,
                self._notes(one.logits),
                self._encoding,
                n_supports=self.settings.n_supports,
            )
            for one in self._read(questions)
        ]

    def used(self) -> Usage:
        """Return what reports say of a model that was trained elsewhere; else nothing."""
        return ForeignModel(self._foreign) if self._foreign is not None else NoUsage()

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the model's weights, so that results of other weights are not reused.

        Raises:
            ModelError: The model is missing or unusable.
        """
        return self._folder.weights_hash

    @property
    def takes_other_evidence(self) -> bool:
        """Whether the user allowed evidence from other retrieval than in training."""
        return self.settings.allow_other_evidence

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """Retrieval of the evidence in the model's training; None if it reads none.

        Raises:
            SettingsError: The model was not trained for this solver.
            ModelError: The model cannot be found.
        """
        if self._foreign is not None:
            return None
        return self._card.evidence if self.reads_passages else None

    @property
    def reads_passages(self) -> bool:
        """Whether the model was trained to read passages."""
        return self._encoding.reads_passages

    def _judge(self, read: Read) -> NDArray[np.float64]:
        """Return the scores of a question's options from their logits."""
        return read.logits

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        """Return the meaning of the logits of a question's options, as text."""
        raise NotImplementedError

    @cached_property
    def _folder(self) -> ModelFolder:
        return resolve_model(self.settings.model)

    @property
    def _foreign(self) -> ForeignEncoding | None:
        """The encoding of a model that was trained elsewhere."""
        settings = self.settings
        return settings.encoding if isinstance(settings, ForeignReaderSettings) else None

    @cached_property
    def _card(self) -> ModelCard:
        path, settings = self._folder.path, self.settings
        card = read_card(path)
        if self._foreign is not None:
            if card is not None:
                raise SettingsError(
                    "the model has an encoding of its own, from its training",
                    file=path,
                    field="encoding",
                    hint="Leave out encoding",
                )
            return ModelCard(family=self.family, base_model=settings.model, base_weights_hash="")
        try:
            return require_family(path, card, self.family)
        except UntrainedModelError as error:
            if card is not None or not isinstance(settings, ForeignReaderSettings):
                raise
            raise UntrainedModelError(
                error.message,
                file=path,
                field="model",
                hint=f"{error.hint}. For a model that was trained elsewhere, give its encoding, "
                f"such as {EXAMPLE}",
            ) from None

    @cached_property
    def _encoding(self) -> EncodingSettings:
        card = self._card
        if self._foreign is not None:
            return self._foreign
        return read_card_values(
            self.encoding_class, card.encoding, self._folder.path, field="encoding"
        )

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._folder)

    @cached_property
    def _scorer(self) -> SequenceScorer:
        settings = self.settings
        return load_sequence_scorer(
            self._folder,
            head="mean" if self._card.head == "mean" else "native",
            task=self.task,
            precision=settings.precision,
            device=settings.device,
            cache_dir=settings.cache_dir,
        )

    def _read(self, questions: Sequence[Question]) -> list[Read]:
        """Return tokens and logits of each question, cached."""
        new = [q for q in questions if not self._is_cached(q)]
        fresh: dict[str, Read] = {}
        if new:
            encoded = self._encode(new)
            pairs = [pair for question in encoded for pair in question.options]
            outputs = self._scorer.score(pairs)
            if self._foreign is None:
                logits = foreign_scores(outputs, 0, {})
            else:
                names = output_names(self._folder.read_json("config.json"))
                logits = foreign_scores(outputs, self._foreign.label, names)
            ends = np.cumsum([len(question.options) for question in encoded])
            parts = np.split(logits, ends[:-1])
            fresh = {
                q.id: Read(q, own, part) for q, own, part in zip(new, encoded, parts, strict=True)
            }
        read = [fresh.get(q.id) or self._cache[q.id] for q in questions]
        if len(self._cache) + len(fresh) > _MAX_CACHED:
            self._cache.clear()
        self._cache.update(fresh)
        return read

    def _encode(self, questions: Sequence[Question]) -> list[EncodedQuestion]:
        encoding = self._encoding
        if isinstance(encoding, ForeignEncoding):
            return encode_foreign(questions, encoding, self._tokenizer)
        return encode_questions(questions, encoding, self._tokenizer)

    def _is_cached(self, question: Question) -> bool:
        # By identity: another exam may have a question with the same id.
        cached = self._cache.get(question.id)
        return cached is not None and cached.question is question
