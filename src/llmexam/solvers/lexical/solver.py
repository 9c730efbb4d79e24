"""Solver `lexical`: score options by lexical overlap with the evidence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.segmentation import share_undivided
from llmexam.exam.wording import follow_wording, means_all, means_none
from llmexam.settings.base import Settings
from llmexam.settings.kinds import NotInKey
from llmexam.solvers.lexical.analysis import stop_terms
from llmexam.solvers.lexical.features import FEATURES, OptionEvidence
from llmexam.solvers.protocol import BaseSolver, Explanation, OptionFeatures, OptionReason, Support

_LOG = logging.getLogger(__name__)
# Share of passages without separate words from which on there is a warning.
_MIN_UNDIVIDED = 0.05
# Number of questions whose evidence is cached for `explain`, some 100 kB each.
_MAX_CACHED = 1000


class FeatureWeights(Settings):
    """Weights of the features, in the order of `FEATURES`.

    The defaults are rounded weights of a non-negative conditional logit fitted on training
    questions; five-fold scores change by less than 0.005 over a wide range around them.
    """

    coverage: float = Field(
        3.5, ge=0, description="share of the option's 1- to 5-grams found in the passages"
    )
    nearness: float = Field(
        1.0,
        ge=0,
        description="share of the option's terms found in the passages, weighted by proximity to "
        "terms of the question text",
    )
    mass: float = Field(
        1.0,
        ge=0,
        description="how often the option's terms occur, weighted by proximity to terms of the "
        "question text (logarithm)",
    )
    run: float = Field(
        0.4, ge=0, description="weight of the longest shared run of terms (logarithm)"
    )
    best_sentence: float = Field(
        0.2, ge=0, description="largest share of the option's n-grams found in a single sentence"
    )


class LexicalSettings(Settings):
    """Settings of solver `lexical`."""

    weights: FeatureWeights = Field(FeatureWeights(), description="weights of the features")
    stop_weight: float = Field(
        0.2, ge=0, le=1, description="weight of a stop word; other terms have weight 1"
    )
    floor: float = Field(
        0.4,
        ge=0,
        le=1,
        description="weight of a match in a sentence that shares no term with the question text, "
        "0 to 1",
    )
    reach: float = Field(
        8.0,
        gt=0,
        description="decay length of proximity: distance in terms over which it falls by a "
        "factor of e",
    )
    rank_decay: float = Field(
        0.25,
        ge=0,
        description="decay of a passage's weight with its rank: 1 / (1 + rank_decay * rank)",
    )
    read_wording: bool = Field(
        True,
        description="reverse the ranking for negated questions ('which is NOT ...'), and handle "
        "options such as 'all of the above'",
    )
    n_supports: Annotated[int, NotInKey()] = Field(
        3, ge=0, description="number of supporting sentences reported for each option"
    )


class LexicalSolver(BaseSolver):
    """Scores options by lexical overlap with the passages."""

    settings_class = LexicalSettings
    settings: LexicalSettings
    order_invariant = True
    has_features = True
    one_core = True

    def __init__(self, settings: LexicalSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self._weights = np.array([getattr(self.settings.weights, name) for name in FEATURES])
        self._has_warned = False
        self._cache: dict[str, tuple[Question, OptionEvidence]] = {}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the weighted sum of each option's features, shape `[n_questions, n_options]`.

        A question without passages gets equal scores.
        """
        self._warn_undivided(questions)
        return ScoreMatrix.from_rows(
            [q.id for q in questions],
            [self._judge(q) for q in questions],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the sentences that overlap most with each option."""
        return [self._explain(question) for question in questions]

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return the unweighted features of `score`; see `FEATURES`."""
        return OptionFeatures(FEATURES, tuple(self._read(q).features for q in questions))

    def _warn_undivided(self, questions: Sequence[Question]) -> None:
        """Warn once if passages cannot be split into words, so that no overlap can be found."""
        texts = dict.fromkeys(one.text for q in questions for one in q.passages)
        if self._has_warned or all(text.isascii() and " " in text for text in texts):
            return
        share = share_undivided(texts)
        if share >= _MIN_UNDIVIDED:
            self._has_warned = True
            _LOG.warning(
                "%.0f%% of the passages have no spaces between words, in a script that cannot be "
                "segmented, so scores are unreliable. Put spaces between the words",
                100 * share,
            )

    def _read(self, question: Question) -> OptionEvidence:
        """Return the features of a question, cached for `explain`."""
        # By identity: another exam may have a question with the same id.
        cached = self._cache.get(question.id)
        if cached is not None and cached[0] is question:
            return cached[1]
        settings = self.settings
        evidence = OptionEvidence(
            question,
            stop_weight=settings.stop_weight,
            floor=settings.floor,
            reach=settings.reach,
            rank_decay=settings.rank_decay,
        )
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[question.id] = (question, evidence)
        return evidence

    def _judge(self, question: Question) -> NDArray[np.float64]:
        sums = self._read(question).features @ self._weights
        return follow_wording(question, sums) if self.settings.read_wording else sums

    def _explain(self, question: Question) -> Explanation:
        evidence = self._read(question)
        reasons = []
        for index, option in enumerate(question.options):
            own = set(evidence.options[index]) - stop_terms()
            strength = evidence.sentence_support[index]
            best = np.argsort(-strength, kind="stable")
            supports = tuple(
                Support(
                    passage=sentence.passage,
                    start=sentence.start,
                    end=sentence.end,
                    weight=float(strength[place]),
                    terms=tuple(sorted(own.intersection(sentence.terms))),
                )
                for place in best
                if strength[place] > 0
                and (sentence := evidence.sentences[place]).end > sentence.start
            )
            reasons.append(self._reason(option, evidence.features[index], supports))
        return Explanation(question.id, tuple(reasons))

    def _reason(
        self, option: str, features: NDArray[np.float64], supports: tuple[Support, ...]
    ) -> OptionReason:
        if self.settings.read_wording and means_all(option):
            note = "stands for all options"
        elif self.settings.read_wording and means_none(option):
            note = "negates all options"
        else:
            note = (
                f"{features[0]:.0%} of its n-grams found, {features[1]:.0%} of its "
                "terms near the question's terms"
            )
        return OptionReason(note, supports[: self.settings.n_supports])
