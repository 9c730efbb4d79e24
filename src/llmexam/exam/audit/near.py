"""Near-duplicate search over prompts: MinHash candidates, then exact Jaccard similarity."""

from __future__ import annotations

from collections import defaultdict

from datasketch import MinHash, MinHashLSH

from llmexam.exam.audit.finding import Rows
from llmexam.exam.normalise import normalise, words_of
from llmexam.exam.question import Question

SHINGLE_WORDS = 3
MIN_WORDS = 5
_N_PERMUTATIONS = 64
_CANDIDATE_MARGIN = 0.2


def shingles(text: str) -> frozenset[str]:
    """Return the three-word shingles of a text; one shingle of all words if there are fewer.

    >>> sorted(shingles("What is the speed?"))
    ['is the speed', 'what is the']
    """
    words = words_of(text)
    last = max(len(words) - SHINGLE_WORDS, 0)
    return frozenset(" ".join(words[i : i + SHINGLE_WORDS]) for i in range(last + 1))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the Jaccard similarity, |a & b| / |a | b|; 1 for two empty sets.

    >>> jaccard(frozenset("ab"), frozenset("bc"))
    0.3333333333333333
    """
    return len(a & b) / len(a | b) if a or b else 1.0


class PromptIndex:
    """Index over the prompts of an exam that finds similar prompts.

    MinHash with 64 permutations finds candidates from 0.2 below the threshold, so that few are
    missed; results are verified by exact similarity.

    Args:
        rows: The questions.
        threshold: Jaccard similarity of three-word shingles from which prompts are alike.
        seed: Of the permutations.
    """

    def __init__(self, rows: Rows, *, threshold: float, seed: int) -> None:
        self._threshold = threshold
        self._seed = seed
        self._by_prompt: defaultdict[str, list[tuple[int, Question]]] = defaultdict(list)
        for row, question in rows:
            self._by_prompt[normalise(question.prompt)].append((row, question))
        self._lsh = MinHashLSH(
            threshold=max(threshold - _CANDIDATE_MARGIN, 0.1), num_perm=_N_PERMUTATIONS
        )
        self._shingles: dict[str, frozenset[str]] = {}
        # Prompts of a few words are similar by chance.
        prompts = [prompt for prompt in self._by_prompt if len(prompt.split()) >= MIN_WORDS]
        hashes = self._hashes([shingles(prompt) for prompt in prompts])
        self._hash_of = dict(zip(prompts, hashes, strict=True))
        for prompt, minhash in self._hash_of.items():
            self._shingles[prompt] = shingles(prompt)
            self._lsh.insert(prompt, minhash, check_duplication=False)

    def same_prompt(self, question: Question) -> list[tuple[int, Question]]:
        """Return the questions whose prompt has the same words, in order."""
        return self._by_prompt.get(normalise(question.prompt), [])

    def nearest(
        self, question: Question, *, skip_same_prompt: bool = False
    ) -> tuple[int, str, float] | None:
        """Return row, kind and similarity of the prompt most similar to a question's.

        A match that shares an option precedes one that does not; ties go to the first row.

        Args:
            question: The question.
            skip_same_prompt: Ignore prompts with the same words.
        """
        prompt = normalise(question.prompt)
        if len(prompt.split()) < MIN_WORDS:
            return None
        own = self._shingles.get(prompt) or shingles(prompt)
        minhash = self._hash_of.get(prompt) or self._hashes([own])[0]
        options = _option_texts(question)
        best: tuple[bool, float, int] | None = None
        for candidate in self._lsh.query(minhash):
            if skip_same_prompt and candidate == prompt:
                continue
            similarity = jaccard(own, self._shingles[candidate])
            if similarity < self._threshold:
                continue
            for row, other in self._by_prompt[candidate]:
                shares = bool(options & _option_texts(other))
                found = (shares, similarity, -row)
                best = found if best is None else max(best, found)
        if best is None:
            return None
        return -best[2], "near duplicate" if best[0] else "similar prompt", best[1]

    def _hashes(self, sets: list[frozenset[str]]) -> list[MinHash]:
        data = [[shingle.encode("utf-8") for shingle in one] for one in sets]
        return MinHash.bulk(data, num_perm=_N_PERMUTATIONS, seed=self._seed + 1) if data else []


def _option_texts(question: Question) -> set[str]:
    return {text for option in question.options if (text := normalise(option))}
