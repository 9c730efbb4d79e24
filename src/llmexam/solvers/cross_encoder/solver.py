"""Solver `cross-encoder`: a trained model reads prompt, evidence and one option together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.evidence.selection import SentenceSelector
from llmexam.exam.normalise import words_of
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.loading import ModelFolder, require_packages, resolve_model
from llmexam.lm.model_card import EvidenceOrigin, ModelCard, read_card, require_family
from llmexam.settings import Settings
from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.option_pairs import option_pairs
from llmexam.solvers.protocol import Explanation, OptionReason, Support

if TYPE_CHECKING:
    from llmexam.lm.pair_scoring import PairScorer

FAMILY = "cross-encoder"
# Questions whose scores are kept for explaining: a few numbers each.
_MOST_KNOWN = 100_000


class CrossEncoderSettings(Settings):
    """Settings of solver `cross-encoder`."""

    model: str = Field(
        min_length=1, description="folder of a model that `llmexam train` trained for this solver"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="'auto' takes bf16 where the processor multiplies it fast"
    )
    backend: Literal["auto", "torch", "onnx-int8", "openvino", "openvino-int8"] = Field(
        "auto", description="what computes; 'auto': what the folder was exported for, or torch"
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    cache_dir: Path | None = Field(
        None, description="keep scores in this folder, so that nothing is scored twice"
    )
    allow_other_evidence: bool = Field(
        False, description="take evidence that was found in another way than in training"
    )
    n_supports: int = Field(3, ge=0, description="sentences shown for each option")


@dataclass(frozen=True, slots=True)
class _Scored:
    question: Question
    logits: NDArray[np.float64]
    cut: NDArray[np.bool_]


class CrossEncoderSolver:
    """How a trained cross-encoder scores each option, read with prompt and evidence.

    The score is the model's logit. How a question becomes tokens is on the model's card, and
    cannot be set: what was read in training is what is read here. Options do not see one
    another, so their places make no difference.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
    """

    settings_class = CrossEncoderSettings
    order_invariant = True

    def __init__(self, settings: CrossEncoderSettings) -> None:
        require_packages(f"solver '{FAMILY}'")
        self.settings = settings
        self._known: dict[str, _Scored] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one logit an option, shape `[n_questions, n_options]`.

        `truncated` tells where evidence, or a prompt too long for the model, was cut.

        Raises:
            SettingsError: The model was not trained for this solver.
            ModelError: The model cannot be found or used.
        """
        read = self._read(questions)
        return ScoreMatrix.from_rows(
            [q.id for q in questions],
            [one.logits for one in read],
            [bool(one.cut.any()) for one in read],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return, for each option, its score and the sentences read that are nearest to it."""
        return [self._explain(one) for one in self._read(questions)]

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the model's weights, for telling results of other weights apart.

        Raises:
            ModelError: The model cannot be found or used.
        """
        return self._folder.weights_hash

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """How the evidence was found that the model was trained on; None where it reads none.

        Raises:
            SettingsError: The model was not trained for this solver.
            ModelError: The model cannot be found.
        """
        return None if self._encoding.evidence == "none" else self._card.evidence

    @cached_property
    def _folder(self) -> ModelFolder:
        return resolve_model(self.settings.model)

    @cached_property
    def _card(self) -> ModelCard:
        return require_family(self._folder.path, read_card(self._folder.path), FAMILY)

    @cached_property
    def _encoding(self) -> CrossEncoderEncoding:
        return CrossEncoderEncoding.parse(
            self._card.encoding, subject="the model's card", file=self._folder.path
        )

    @cached_property
    def _scorer(self) -> PairScorer:
        from llmexam.lm.pair_scoring import load_pair_scorer

        settings = self.settings
        return load_pair_scorer(
            settings.model,
            head=self._card.head,
            max_tokens=self._encoding.max_tokens,
            precision=settings.precision,
            backend=settings.backend,
            device=settings.device,
            cache_dir=settings.cache_dir,
        )

    def _read(self, questions: Sequence[Question]) -> list[_Scored]:
        """Return the scores of each question; explaining after scoring computes nothing again."""
        new = [q for q in questions if not self._knows(q)]
        fresh: dict[str, _Scored] = {}
        if new:
            pairs = [option_pairs(question, self._encoding) for question in new]
            found = self._scorer.score([pair for own in pairs for pair in own])
            ends = np.cumsum([len(own) for own in pairs])[:-1]
            parts = zip(np.split(found.scores, ends), np.split(found.cut, ends), strict=True)
            fresh = {q.id: _Scored(q, *part) for q, part in zip(new, parts, strict=True)}
        read = [fresh.get(q.id) or self._known[q.id] for q in questions]
        if len(self._known) + len(fresh) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(fresh)
        return read

    def _knows(self, question: Question) -> bool:
        known = self._known.get(question.id)
        return known is not None and known.question is question

    def _explain(self, read: _Scored) -> Explanation:
        question = read.question
        reads_evidence = self._encoding.evidence != "none"
        selector = SentenceSelector(question.passages if reads_evidence else ())
        reasons = []
        for option, logit, cut in zip(question.options, read.logits, read.cut, strict=True):
            supports = tuple(_supports(question.prompt, option, selector, self.settings.n_supports))
            note = f"score {logit:.2f}, best of the others {_best_other(read.logits, logit):.2f}"
            note += "; the text before it was cut" if cut else ""
            reasons.append(OptionReason(note if supports else note + "; no evidence", supports))
        return Explanation(question.id, tuple(reasons))


def _supports(
    prompt: str, option: str, selector: SentenceSelector, n_supports: int
) -> Iterator[Support]:
    """Yield the sentences with most words of prompt and option: a model does not say which."""
    weight = dict(zip(selector.sentences, selector.weigh(prompt, option), strict=True))
    words = set(words_of(option))
    best = sorted(weight, key=lambda sentence: -weight[sentence])[:n_supports]
    for sentence in best:
        if weight[sentence] > 0:
            yield Support(
                passage=sentence.passage,
                start=sentence.start,
                end=sentence.end,
                weight=weight[sentence],
                terms=tuple(sorted(words.intersection(words_of(sentence.text)))),
            )


def _best_other(logits: NDArray[np.float64], logit: float) -> float:
    """Return the highest score but for this one, which is its own where two share it."""
    ordered = np.sort(logits)[::-1]
    return float(ordered[1] if logit == ordered[0] else ordered[0])
