"""Ways to combine the answers of several recoverers, fitted on rows that none of them has seen.

`Gate` trusts the first recoverer that is confident, and `Join` puts texts one after the other.
`llmexam.recovery.agreement` chooses among all candidates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.recoverer import Candidate, Recovery
from llmexam.recovery.wording import clean_prompt

Answers = Sequence[Sequence[Recovery]]
"""The recoveries of each member, in the order of the rows."""

_N_QUANTILES = 21


class Combiner(ABC):
    """Makes one recovery of those of several members.

    Args:
        vectors: The embedder of the score.
    """

    def __init__(self, vectors: TextVectors) -> None:
        self.vectors = vectors

    @abstractmethod
    def fit(self, answers: Answers, prompts: Sequence[str]) -> None:
        """Choose parameters by the mean sharpened cosine.

        Args:
            answers: Recoveries of rows that the members were not fitted on.
            prompts: The true prompts of these rows.
        """

    @abstractmethod
    def combine(self, answers: Answers) -> list[Recovery]:
        """Return one recovery for each row; a row does not depend on the others."""

    def scores(self, texts: Sequence[str], prompts: Sequence[str]) -> NDArray[np.float64]:
        """Return the sharpened cosine of each text and its true prompt, shape `[n_rows]`."""
        found, truth = self.vectors.encode(texts), self.vectors.encode(prompts)
        return sharpen(np.einsum("ij,ij->i", found, truth, dtype=np.float64))


class Gate(Combiner):
    """Answers with the first member whose confidence reaches its threshold.

    Attributes:
        thresholds: Threshold of each member; the last one always answers.
    """

    thresholds: tuple[float, ...] = ()

    def fit(self, answers: Answers, prompts: Sequence[str]) -> None:
        """Choose each threshold among quantiles of the confidences, from the last member on."""
        *firsts, last = answers
        rest = self.scores([one.text for one in last], prompts)
        thresholds = [-inf]
        for member in reversed(firsts):
            own = self.scores([one.text for one in member], prompts)
            confidence = np.array([one.confidence for one in member])
            known = confidence[~np.isnan(confidence)]
            levels = np.linspace(0, 1, _N_QUANTILES)
            options = [inf, *(np.quantile(known, levels).tolist() if len(known) else ()), -inf]
            means = [np.where(_reaches(confidence, t), own, rest).mean() for t in options]
            best = options[int(np.argmax(means))]
            rest = np.where(_reaches(confidence, best), own, rest)
            thresholds.append(best)
        self.thresholds = tuple(reversed(thresholds))

    def combine(self, answers: Answers) -> list[Recovery]:
        """Return the recovery of the first confident member for each row."""
        thresholds = self.thresholds or (*[inf] * (len(answers) - 1), -inf)
        return [
            next(
                one
                for one, threshold in zip(row, thresholds, strict=True)
                if _reaches(np.array(one.confidence), threshold)
            )
            for row in zip(*answers, strict=True)
        ]


class Join(Combiner):
    """Puts the cleaned texts of members one after the other, where that scored better.

    Args:
        vectors: The embedder of the score.
        max_tokens: Tokens of the joined text, by the embedder's tokenizer; a text that does not
            fit any more is left out.

    Attributes:
        order: The members whose texts are joined, in this order.
        means: Mean score of each member alone.
    """

    order: tuple[int, ...] = (0,)
    means: tuple[float, ...] = ()

    def __init__(self, vectors: TextVectors, *, max_tokens: int) -> None:
        super().__init__(vectors)
        self._max_tokens = max_tokens

    def fit(self, answers: Answers, prompts: Sequence[str]) -> None:
        """Start from the best member, and append the one that raises the mean most, if any."""
        texts = [[one.text for one in member] for member in answers]
        self.means = tuple(float(self.scores(own, prompts).mean()) for own in texts)
        order = [int(np.argmax(self.means))]
        best = self.means[order[0]]
        while len(order) < len(answers):
            others = [member for member in range(len(answers)) if member not in order]
            means = [
                self.scores(self._joined(answers, [*order, other]), prompts).mean()
                for other in others
            ]
            if max(means) <= best:
                break
            best = float(max(means))
            order.append(others[int(np.argmax(means))])
        self.order = tuple(order)

    def combine(self, answers: Answers) -> list[Recovery]:
        """Return the joined texts; the candidates are the members' own."""
        means = self.means or (0.0,) * len(answers)
        ranked = sorted(self.order, key=lambda member: -means[member])
        return [
            Recovery(
                text,
                tuple(Candidate(answers[member][row].text, means[member]) for member in ranked),
            )
            for row, text in enumerate(self._joined(answers, self.order))
        ]

    def _joined(self, answers: Answers, order: Sequence[int]) -> list[str]:
        # One member alone answers as it is.
        if len(order) == 1:
            return [one.text for one in answers[order[0]]]
        parts = [[_cleaned(one.text) for one in answers[member]] for member in order]
        distinct = list(dict.fromkeys(text for own in parts for text in own))
        counts = self.vectors.embedder.count_tokens(distinct)
        size = dict(zip(distinct, counts.tolist(), strict=True))
        joined = []
        for row in zip(*parts, strict=True):
            first, *others = dict.fromkeys(row)
            text, used = first, size[first]
            for other in others:
                if used + size[other] <= self._max_tokens:
                    text, used = f"{text} {other}", used + size[other]
            joined.append(text)
        return joined


def _cleaned(text: str) -> str:
    return clean_prompt(text).text.strip() or text


def _reaches(confidence: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    if threshold == -inf:
        return np.ones(confidence.shape, dtype=bool)
    # NaN reaches no threshold.
    reached: NDArray[np.bool_] = np.asarray(confidence >= threshold)
    return reached
