"""Does a suffix that says nothing raise the score under one embedder, and not under another?

Word pieces of the first embedder's vocabulary that are no words of the rows are screened: those
are kept that raise a constant prompt's mean sharpened cosine most. A greedy search then appends
them to the predictions on a sample of half of the rows. Both embedders score the predictions with
and without the suffix on the other half, whose prompts are in other groups. Run:

    python benchmarks/demo_gamed_metric.py triplets.csv --predictions mistral_guess \
        --first bundled --second FOLDER_OF_ANOTHER_EMBEDDER
"""

from __future__ import annotations

import argparse

import numpy as np

from llmexam.evaluation.grading import Resampling
from llmexam.exam.normalise import words_of
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
    parser.add_argument("--pieces", type=int, default=40, help="word pieces that are kept")
    parser.add_argument("--words", type=int, default=3, help="largest number of appended pieces")
    parser.add_argument("--sample", type=int, default=40, help="rows that the search scores")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    exam = read_rewrites(rewrites_path(given.rows))
    groups = prompt_groups(exam.prompts)
    is_searched = grouped_folds(groups, 2, seed=given.seed) == 0
    searched = exam.subset(np.flatnonzero(is_searched).tolist())
    held_out = exam.subset(np.flatnonzero(~is_searched).tolist())
    first, second = text_vectors(given.first), text_vectors(given.second)

    pieces = odd_pieces(first, exam)
    print(f"{len(pieces)} word pieces, {len(searched)} rows searched, {len(held_out)} held out")
    kept = screen(first, searched.prompts, pieces, given.pieces)
    drawn = np.random.default_rng(given.seed).permutation(len(searched))[: given.sample]
    sample = searched.subset(sorted(drawn.tolist()))
    suffix = search(first, sample, predictions(sample, given.predictions), kept, given.words)
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


def odd_pieces(vectors: TextVectors, exam: RewriteExam) -> list[str]:
    """Return the continuations of words in the vocabulary that are no word of the rows."""
    text = " ".join([*exam.originals, *exam.rewrittens, *exam.prompts])
    known = set(words_of(text))
    found = {
        piece.removeprefix("##")
        for piece in vectors.embedder._tokenizer.get_vocab()
        if piece.startswith("##") and piece[2:].isascii() and piece[2:].isalpha()
    }
    return sorted(piece for piece in found if len(piece) > 2 and piece not in known)


def screen(vectors: TextVectors, prompts: list[str], pieces: list[str], n: int) -> list[str]:
    """Return the n pieces that raise the mean score of the constant most."""
    encoded = vectors.embedder.encode([f"{CONSTANT} {piece}" for piece in pieces])
    means = sharpen(encoded @ vectors.encode(prompts).T).mean(axis=1)
    return [pieces[i] for i in np.argsort(-means, kind="stable")[:n]]


def search(
    vectors: TextVectors, exam: RewriteExam, texts: list[str], pieces: list[str], n_words: int
) -> str:
    """Return the suffix that a greedy search found, piece by piece."""
    suffix = ""
    print(f"{scores(vectors, exam.prompts, texts).mean():.4f}  without a suffix", flush=True)
    for _ in range(n_words):
        options = [f"{suffix} {piece}".strip() for piece in pieces]
        means = [
            scores(vectors, exam.prompts, [f"{text} {option}" for text in texts]).mean()
            for option in options
        ]
        suffix = options[int(np.argmax(means))]
        print(f"{max(means):.4f}  {suffix}", flush=True)
    return suffix


def predictions(exam: RewriteExam, column: str | None) -> list[str]:
    """Return a column of the file, or the constant for each row."""
    return [row.metadata[column] if column else CONSTANT for row in exam]


def scores(vectors: TextVectors, prompts: list[str], texts: list[str]) -> np.ndarray:
    """Return the sharpened cosine of each row."""
    cosines = np.einsum("ij,ij->i", vectors.encode(texts), vectors.encode(prompts), dtype=float)
    return sharpen(cosines)


if __name__ == "__main__":
    main()
