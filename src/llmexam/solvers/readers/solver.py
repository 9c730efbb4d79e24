"""What cross-encoders and multiple-choice readers share: a trained model that scores each option.

They differ in how they are trained, and so in what their logits mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import EvidenceOrigin, ModelCard, read_card, read_told, require_family
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.lm.readers.sequence_scoring import load_sequence_scorer
from llmexam.settings.base import Settings
from llmexam.settings.kinds import CacheDir, ModelRef, NotInKey
from llmexam.solvers.protocol import BaseSolver, Explanation
from llmexam.solvers.readers.encoding import EncodedQuestion, EncodingSettings, encode_questions
from llmexam.solvers.readers.reasons import explain_question

if TYPE_CHECKING:
    from llmexam.lm.readers.sequence_scoring import SequenceScorer

# Questions whose tokens and scores are kept for explaining, some 10 kB each.
_MOST_KNOWN = 10_000


class OptionReaderSettings(Settings):
    """Settings of a solver that reads options with a trained model."""

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


@dataclass(frozen=True, slots=True)
class Read:
    """A question, what was read of it, and the logit of each option."""

    question: Question
    encoded: EncodedQuestion
    logits: NDArray[np.float64]


class OptionReader(BaseSolver):
    """Scores each option alone, read with the evidence chosen for it.

    The score is the model's logit. How a question becomes tokens is on the model's card, and
    cannot be set: what was read in training is what is read here. Options do not see one another,
    so their places make no difference.

    Attributes:
        family: Name of the solver, which the model's card must have.
        task: What the model's own head was made for.
        encoding_class: Settings of how questions become tokens.

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
        self._known: dict[str, Read] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one logit an option, shape `[n_questions, n_options]`.

        `truncated` tells where evidence, or a prompt too long for the model, was cut.

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
        """Return, for each option, what the model said and the sentences read for it."""
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

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the model's weights, for telling results of other weights apart.

        Raises:
            ModelError: The model cannot be found or used.
        """
        return self._folder.weights_hash

    @property
    def takes_other_evidence(self) -> bool:
        """Whether the user allowed evidence that was found in another way than in training."""
        return self.settings.allow_other_evidence

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """How the evidence was found that the model was trained on; None where it reads none.

        Raises:
            SettingsError: The model was not trained for this solver.
            ModelError: The model cannot be found.
        """
        return None if self._encoding.evidence == "none" else self._card.evidence

    def _judge(self, read: Read) -> NDArray[np.float64]:
        """Return the scores of a question that was read."""
        return read.logits

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        """Return what the logits of a question's options mean, in words."""
        raise NotImplementedError

    @cached_property
    def _folder(self) -> ModelFolder:
        return resolve_model(self.settings.model)

    @cached_property
    def _card(self) -> ModelCard:
        return require_family(self._folder.path, read_card(self._folder.path), self.family)

    @cached_property
    def _encoding(self) -> EncodingSettings:
        return read_told(
            self.encoding_class, self._card.encoding, self._folder.path, field="encoding"
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
        """Return what is read of each question, and its logits; nothing is computed twice."""
        new = [q for q in questions if not self._knows(q)]
        fresh: dict[str, Read] = {}
        if new:
            encoded = encode_questions(new, self._encoding, self._tokenizer)
            pairs = [pair for question in encoded for pair in question.options]
            logits = self._scorer.score(pairs)[:, 0].astype(np.float64)
            ends = np.cumsum([len(question.options) for question in encoded])
            parts = np.split(logits, ends[:-1])
            fresh = {
                q.id: Read(q, own, part) for q, own, part in zip(new, encoded, parts, strict=True)
            }
        read = [fresh.get(q.id) or self._known[q.id] for q in questions]
        if len(self._known) + len(fresh) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(fresh)
        return read

    def _knows(self, question: Question) -> bool:
        known = self._known.get(question.id)
        return known is not None and known.question is question
