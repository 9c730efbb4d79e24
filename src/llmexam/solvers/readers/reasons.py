"""Explanations of trained encoders: their outputs, and the sentences they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.selection import Sentence, SentenceSelector
from llmexam.exam.normalise import words_of
from llmexam.exam.question import Question
from llmexam.lm.readers.text_pairs import EncodedPair
from llmexam.solvers.protocol import Explanation, OptionReason, Support
from llmexam.solvers.readers.encoding import EncodedQuestion, EncodingSettings


def probability_notes(logits: NDArray[np.float64]) -> list[str]:
    """Return the softmax of a question's logits as text, for each option."""
    shares = np.exp(logits - logits.max())
    return [f"probability {share:.2f}" for share in shares / shares.sum()]


def explain_question(
    question: Question,
    encoded: EncodedQuestion,
    notes: Sequence[str],
    settings: EncodingSettings,
    *,
    n_supports: int,
) -> Explanation:
    """Return an explanation with the model's output and the most similar sentences it read.

    The model does not reveal which sentence was decisive: sentences are weighted by lexical
    overlap with prompt and option, as in their selection.

    Args:
        question: The question.
        encoded: Its tokens.
        notes: The model's output for each option, as text.
        settings: The encoding.
        n_supports: Maximum number of sentences per option.
    """
    selector = SentenceSelector(question.passages if settings.evidence != "none" else ())
    reasons = []
    for option, note, pair in zip(question.options, notes, encoded.options, strict=True):
        supports = list(_supports(question, option, pair, selector, settings))
        supports.sort(key=lambda support: -support.weight)
        said = note
        if pair.n_cut:
            said += f"; {pair.n_cut} of {pair.n_first} context tokens were truncated"
        elif not selector.sentences:
            said += "; no evidence"
        reasons.append(OptionReason(said, tuple(supports[:n_supports])))
    return Explanation(question.id, tuple(reasons))


def _supports(
    question: Question,
    option: str,
    pair: EncodedPair,
    selector: SentenceSelector,
    settings: EncodingSettings,
) -> Iterator[Support]:
    """Yield the sentences that the model read for an option, in order."""
    if settings.evidence == "sentences":
        chosen = selector.choose(question.prompt, option, n=settings.n_sentences)
    else:
        chosen = selector.sentences
    known = dict(zip(selector.sentences, selector.weigh(question.prompt, option), strict=True))
    words = set(words_of(option))
    before = len(question.prompt) + 1 if settings.layout.startswith("prompt+evidence") else 0
    for sentence in _read(chosen, pair, before):
        if known[sentence] > 0:
            yield Support(
                passage=sentence.passage,
                start=sentence.start,
                end=sentence.end,
                weight=known[sentence],
                terms=tuple(sorted(words.intersection(words_of(sentence.text)))),
            )


def _read(chosen: list[Sentence], pair: EncodedPair, before: int) -> Iterator[Sentence]:
    """Yield the sentences before the truncation, whose position is estimated in characters."""
    n_characters = before + sum(len(sentence.text) + 1 for sentence in chosen)
    end = n_characters * (1 - pair.n_cut / max(1, pair.n_first))
    for sentence in chosen:
        if before >= end:
            return
        yield sentence
        before += len(sentence.text) + 1
