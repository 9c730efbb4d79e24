"""Does a suffix that says nothing raise the score under one embedder, and not under another?

A suffix of whole words from the first embedder's vocabulary, none of which is in the rows, is
fitted to a constant prompt: gradients propose words, and those are kept that raise the mean
sharpened cosine on one half of the prompts (HotFlip: Ebrahimi et al., 2018, arXiv 1712.06751).
Both embedders score the constant with and without the suffix on the other half, whose prompts are
in other groups. Each distinct prompt counts once. Run:

    python benchmarks/demo_gamed_metric.py triplets.csv triplets_more.csv \
        --first bundled --second FOLDER_OF_ANOTHER_EMBEDDER
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from llmexam.evaluation.grading import Resampling
from llmexam.exam.normalise import words_of
from llmexam.lm.models.loading import resolve_model
from llmexam.recovery.embeddings import TextVectors, sharpen, text_vectors
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import RewriteExam, join
from llmexam.recovery.wording import clean_prompt
from llmexam.tasks.prompt_recovery.plan import rewrites_path

CONSTANT = COMMON[0]
# Words that gradients propose for each place, and how many of all proposals are scored in a step.
N_PROPOSED, N_SCORED = 64, 128
# Steps without a gain after which a search ends.
PATIENCE = 8


class SuffixSearch:
    """Searches for the suffix that raises the mean sharpened cosine of a constant most.

    Args:
        model: A MiniLM-like encoder with mean pooling: a folder, or `bundled`.
        constant: The text that the suffix is appended to.
        truth: Unit vectors of true prompts, shape `[n_prompts, dim]`.
        known: Words that are not used.
    """

    def __init__(self, model: str, constant: str, truth: np.ndarray, known: set[str]) -> None:
        folder = resolve_model(model).path
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._tokenizer = tokenizer
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self._embeddings = self._model.get_input_embeddings().weight.detach()
        self._truth = torch.tensor(truth)
        *self._before, self._last = tokenizer(constant)["input_ids"]
        self.words = torch.tensor(
            sorted(
                number
                for word, number in tokenizer.get_vocab().items()
                if word.isascii() and word.isalpha() and len(word) > 2 and word not in known
            )
        )

    def run(self, n_words: int, seed: int) -> tuple[float, str]:
        """Return the mean score of the best suffix that a search from random words found."""
        rng = np.random.default_rng(seed)
        suffix = self.words[torch.tensor(rng.integers(0, len(self.words), n_words))].tolist()
        best, stale = -1.0, 0
        while stale < PATIENCE:
            proposed = self._propose(suffix)
            drawn = rng.permutation(len(proposed))[:N_SCORED]
            options = [proposed[i] for i in drawn]
            ids = torch.tensor([self._whole(option) for option in options])
            with torch.no_grad():
                means = self._means(self._embeddings[ids])
            top = int(means.argmax())
            if float(means[top]) > best + 1e-6:
                best, suffix, stale = float(means[top]), options[top], 0
            else:
                stale += 1
        return best, self._tokenizer.decode(suffix)

    def _propose(self, suffix: list[int]) -> list[list[int]]:
        """Return suffixes with one word replaced by one that the gradient favours."""
        inputs = self._embeddings[torch.tensor([self._whole(suffix)])].requires_grad_(True)
        (gradient,) = torch.autograd.grad(self._means(inputs).sum(), inputs)
        start = len(self._before)
        gains = gradient[0, start : start + len(suffix)] @ self._embeddings[self.words].T
        top = gains.topk(min(N_PROPOSED, len(self.words)), dim=1).indices
        return [
            [*suffix[:place], int(self.words[word]), *suffix[place + 1 :]]
            for place, own in enumerate(top.tolist())
            for word in own
        ]

    def _whole(self, suffix: list[int]) -> list[int]:
        return [*self._before, *suffix, self._last]

    def _means(self, inputs: torch.Tensor) -> torch.Tensor:
        states = self._model(inputs_embeds=inputs).last_hidden_state.mean(dim=1)
        cosines = torch.nn.functional.normalize(states, dim=1) @ self._truth.T
        return (cosines**3).mean(dim=1)


def main() -> None:
    """Search a suffix, and print both embedders' means with paired intervals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+", help="files of rewrites with prompts")
    parser.add_argument("--first", default="bundled", help="embedder that is gamed")
    parser.add_argument("--second", required=True, help="embedder that is not")
    parser.add_argument("--words", type=int, default=6, help="number of appended words")
    parser.add_argument("--restarts", type=int, default=3, help="number of searches")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    exam = distinct(join([read_rewrites(rewrites_path(path)) for path in given.rows]))
    groups = prompt_groups(exam.prompts)
    is_searched = grouped_folds(groups, 2, seed=given.seed) == 0
    searched = exam.subset(np.flatnonzero(is_searched).tolist()).prompts
    held_out = exam.subset(np.flatnonzero(~is_searched).tolist()).prompts
    first, second = text_vectors(given.first), text_vectors(given.second)

    known = set(words_of(" ".join([*exam.originals, *exam.rewrittens, *exam.prompts])))
    search = SuffixSearch(given.first, CONSTANT, first.encode(searched), known)
    print(
        f"{len(search.words)} words that are not in the rows; distinct prompts: {len(searched)} "
        f"searched, {len(held_out)} held out"
    )
    found = [search.run(given.words, given.seed + n) for n in range(given.restarts)]
    for mean, suffix in found:
        print(f"{mean:.4f}  {suffix}")
    suffix = max(found)[1]
    gamed = f"{CONSTANT} {suffix}"
    print(f"\nheld out: {gamed!r}; cleaning leaves {clean_prompt(gamed).text!r}")
    resampling = Resampling(clusters=groups[~is_searched])
    for vectors in (first, second):
        before, after = (scores(vectors, held_out, text) for text in (CONSTANT, gamed))
        gain = resampling.intervals((after - before)[:, None], [(-2.0, 2.0)])[0]
        print(
            f"  {vectors.name}: {before.mean():.4f} without, {after.mean():.4f} with; "
            f"difference {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
        )


def distinct(exam: RewriteExam) -> RewriteExam:
    """Return the first row of each prompt."""
    rows: dict[str, int] = {}
    for number, prompt in enumerate(exam.prompts):
        rows.setdefault(prompt, number)
    return exam.subset(list(rows.values()))


def scores(vectors: TextVectors, prompts: list[str], text: str) -> np.ndarray:
    """Return the sharpened cosine of a text and each prompt."""
    return sharpen((vectors.encode(prompts) @ vectors.encode([text])[0]).astype(float))


if __name__ == "__main__":
    main()
