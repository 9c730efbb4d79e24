"""A suffix that says nothing raises the score under one embedder, and not under another.

Word pieces of the first embedder's vocabulary are appended to a constant prompt by a beam search
that maximises the mean sharpened cosine to the prompts of half of the rows. Of the last beam, the
suffix that is best for the predictions on these rows is taken. Both embedders then score the
predictions with and without it on the other half, whose prompts are in other groups. Run:

    python benchmarks/demo_gamed_metric.py triplets.csv --predictions mistral_guess \
        --first bundled --second FOLDER_OF_ANOTHER_EMBEDDER
"""

from __future__ import annotations

import argparse

import numpy as np

from llmexam.evaluation.grading import Resampling
from llmexam.recovery.embeddings import TextVectors, sharpen, text_vectors
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import clean_prompt
from llmexam.tasks.prompt_recovery.plan import rewrites_path

CONSTANT = COMMON[0]


def main() -> None:
    """Search a suffix, and print both embedders' means with paired intervals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", default="bundled", help="file of rewrites with prompts")
    parser.add_argument("--predictions", help="column of predictions; by default only a constant")
    parser.add_argument("--first", default="bundled", help="embedder that is gamed")
    parser.add_argument("--second", required=True, help="embedder that is not")
    parser.add_argument("--pieces", type=int, default=1500, help="word pieces that are tried")
    parser.add_argument("--words", type=int, default=4, help="largest number of appended pieces")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    exam = read_rewrites(rewrites_path(given.rows))
    groups = prompt_groups(exam.prompts)
    is_searched = grouped_folds(groups, 2, seed=given.seed) == 0
    searched = exam.subset(np.flatnonzero(is_searched).tolist())
    held_out = exam.subset(np.flatnonzero(~is_searched).tolist())
    first, second = text_vectors(given.first), text_vectors(given.second)

    pieces = odd_pieces(first, searched, given.pieces, given.seed)
    beam = search(first, searched.prompts, pieces, given.words)
    print(f"{len(pieces)} word pieces, {len(searched)} rows searched, {len(held_out)} held out")
    suffix = max(beam, key=lambda one: _mean(first, searched, given.predictions, one))
    shown = clean_prompt(f"{CONSTANT} {suffix}").text
    print(f"suffix: {suffix!r}; cleaning leaves {shown!r}")

    resampling = Resampling(clusters=groups[~is_searched])
    for column in dict.fromkeys([None, given.predictions]):
        plain = predictions(held_out, column)
        gamed = [f"{text} {suffix}" for text in plain]
        print(f"\npredictions: {column or repr(CONSTANT)}")
        for vectors in (first, second):
            before, after = (scores(vectors, held_out.prompts, texts) for texts in (plain, gamed))
            gain = resampling.intervals((after - before)[:, None], [(-2.0, 2.0)])[0]
            print(
                f"  {vectors.name}: {before.mean():.4f} without, {after.mean():.4f} with; "
                f"difference {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
            )


def odd_pieces(vectors: TextVectors, exam: RewriteExam, n: int, seed: int) -> list[str]:
    """Return some continuations of words in the vocabulary that are no word of the rows."""
    text = " ".join([*exam.originals, *exam.rewrittens, *exam.prompts]).lower()
    known = set(text.split())
    vocabulary = vectors.embedder._tokenizer.get_vocab()
    found = sorted(
        piece.removeprefix("##")
        for piece in vocabulary
        if piece.startswith("##") and piece[2:].isascii() and piece[2:].isalpha()
    )
    odd = [piece for piece in found if len(piece) > 2 and piece not in known]
    chosen = np.random.default_rng(seed).permutation(len(odd))[:n]
    return [odd[i] for i in sorted(chosen.tolist())]


def search(vectors: TextVectors, prompts: list[str], pieces: list[str], n_words: int) -> list[str]:
    """Return the suffixes of a beam of 5, after each step, that raise the constant's mean most."""
    truth = vectors.encode(prompts)
    beam, kept = [""], list[str]()
    for _ in range(n_words):
        suffixes = [f"{suffix} {piece}".strip() for suffix in beam for piece in pieces]
        encoded = vectors.embedder.encode([f"{CONSTANT} {suffix}" for suffix in suffixes])
        means = sharpen(encoded @ truth.T).mean(axis=1)
        order = np.argsort(-means, kind="stable")[:5]
        beam = [suffixes[i] for i in order]
        kept += beam
        print(f"{means[order[0]]:.4f}  {beam[0]}", flush=True)
    return kept


def predictions(exam: RewriteExam, column: str | None) -> list[str]:
    """Return a column of the file, or the constant for each row."""
    return [row.metadata[column] if column else CONSTANT for row in exam]


def scores(vectors: TextVectors, prompts: list[str], texts: list[str]) -> np.ndarray:
    """Return the sharpened cosine of each row."""
    cosines = np.einsum("ij,ij->i", vectors.encode(texts), vectors.encode(prompts), dtype=float)
    return sharpen(cosines)


def _mean(vectors: TextVectors, exam: RewriteExam, column: str | None, suffix: str) -> float:
    # A sample: each suffix needs a forward pass for every row.
    part = exam.subset(range(0, len(exam), max(1, len(exam) // 60)))
    texts = [f"{text} {suffix}" for text in predictions(part, column)]
    return float(scores(vectors, part.prompts, texts).mean())


if __name__ == "__main__":
    main()
