"""Why a reader scored as it did: how sure it is, and which sentences it read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.selection import Sentence, SentenceSelector
from llmexam.exam.normalise import words_of
from llmexam.exam.question import Question
from llmexam.lm.text_pairs import EncodedPair
from llmexam.solvers.multiple_choice.encoding import EncodedQuestion
from llmexam.solvers.option_pairs import EncodingSettings
from llmexam.solvers.protocol import Explanation, OptionReason, Support


def explain_question(
    question: Question,
    encoded: EncodedQuestion,
    logits: NDArray[np.float32],
    settings: EncodingSettings,
    *,
    n_supports: int,
) -> Explanation:
    """Return, for each option, its probability and the nearest of the sentences read for it.

    A reader does not say which sentence convinced it: weights are by words in common with prompt
    and option, as sentences are chosen.

    Args:
        question: The question.
        encoded: What was read of it.
        logits: What the reader said, shape `[n_options]`.
        settings: How the question became tokens.
        n_supports: Sentences shown for each option.
    """
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    selector = SentenceSelector(question.passages if settings.evidence != "none" else ())
    reasons = []
    for option, share, pair in zip(question.options, shares, encoded.options, strict=True):
        supports = list(_supports(question, option, pair, selector, settings))
        supports.sort(key=lambda support: -support.weight)
        note = f"probability {share:.2f}"
        if pair.n_cut:
            note += f"; {pair.n_cut} of {pair.n_first} tokens of the text before it were cut"
        elif not selector.sentences:
            note += "; no evidence"
        reasons.append(OptionReason(note, tuple(supports[:n_supports])))
    return Explanation(question.id, tuple(reasons))


def _supports(
    question: Question,
    option: str,
    pair: EncodedPair,
    selector: SentenceSelector,
    settings: EncodingSettings,
) -> Iterator[Support]:
    """Yield the sentences that were read for an option, in their order."""
    if settings.evidence == "sentences":
        chosen = selector.choose(question.prompt, option, n=settings.n_sentences)
    else:
        chosen = selector.sentences
    known = dict(zip(selector.sentences, selector.weigh(question.prompt, option), strict=True))
    words = set(words_of(option))
    before = len(question.prompt) + 1 if settings.layout == "prompt+evidence|option" else 0
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
    """Yield the sentences that begin before the cut, which is at its share of the characters."""
    n_characters = before + sum(len(sentence.text) + 1 for sentence in chosen)
    end = n_characters * (1 - pair.n_cut / max(1, pair.n_first))
    for sentence in chosen:
        if before >= end:
            return
        yield sentence
        before += len(sentence.text) + 1
