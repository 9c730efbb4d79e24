"""Find passages that contain the questions of given exams, word by word or nearly."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.collecting.cleaning.minhash import Keys, shingle_keys
from llmexam.exam.audit.near import MIN_WORDS, SHINGLE_WORDS
from llmexam.exam.loading import load_exam
from llmexam.exam.normalise import words_of

# A shorter question, such as "What is the second law of thermodynamics?", is nearly contained in
# each text on its subject, so only all of it counts.
_MIN_SHINGLES = 10


@dataclass(frozen=True, slots=True)
class Quoted:
    """A question that a passage contains.

    Attributes:
        question: Exam file and id of the question.
        share: Share of the question's shingles that are in the passage.
    """

    question: str
    share: float


class ExamQuestions:
    """The questions of exams, for search in passages.

    A question with fewer than 5 words identifies nothing and is left out, as in `audit`; and so is
    a text that several questions share, such as "Which of the following is true?".

    Args:
        exams: Exam files.
        threshold: Share of a question's three-word shingles from which a passage contains it; of
            questions with fewer than 12 words, a passage must contain all shingles.
    """

    def __init__(self, exams: Sequence[Path], *, threshold: float) -> None:
        self._threshold = threshold
        named: dict[str, str] = {}
        n_uses: Counter[str] = Counter()
        for path in exams:
            distinct: set[tuple[str, frozenset[str]]] = set()
            for question in load_exam(path):
                words = words_of(question.prompt)
                if len(words) < MIN_WORDS:
                    continue
                prompt = " ".join(words)
                named.setdefault(prompt, f"{path.name} {question.id}")
                distinct.add((prompt, frozenset(question.options)))
            # The largest number in one exam: the same question in two exams is still one question.
            n_uses |= Counter(prompt for prompt, _ in distinct)
        prompts = [prompt for prompt in named if n_uses[prompt] == 1]
        self.n_shared = len(named) - len(prompts)
        self._names = [named[prompt] for prompt in prompts]
        keys, offsets = shingle_keys(prompts, SHINGLE_WORDS)
        self._sizes: NDArray[np.int64] = np.diff(offsets)
        self._questions: defaultdict[int, list[int]] = defaultdict(list)
        for number, (start, end) in enumerate(pairwise(offsets.tolist())):
            for key in keys[start:end].tolist():
                self._questions[key].append(number)

    def __len__(self) -> int:
        return len(self._names)

    def find(self, text: str) -> Quoted | None:
        """Return the question of which a passage contains the most, or None."""
        keys: Keys = shingle_keys([text], SHINGLE_WORDS)[0]
        n_shared: Counter[int] = Counter()
        for key in keys.tolist():
            n_shared.update(self._questions.get(key, ()))
        best: Quoted | None = None
        for number in sorted(n_shared):
            size = int(self._sizes[number])
            share = n_shared[number] / size
            threshold = self._threshold if size >= _MIN_SHINGLES else 1.0
            if share >= threshold and (best is None or share > best.share):
                best = Quoted(self._names[number], share)
        return best
