"""Training rows for sentence-transformers, with the same texts as the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from llmexam.errors import ExamError
from llmexam.evidence.selection import SentenceSelector
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.wording import is_negated, means_all, means_none
from llmexam.lm.encoding.embedding import Embedder
from llmexam.solvers.bi_encoder.encoding import closed_book_texts, query_texts
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.hard_negatives import hard_negatives


@dataclass(frozen=True, slots=True)
class Contrast:
    """An anchor with its positive and negatives.

    Attributes:
        anchor: The anchor text, with its prefix.
        right: The positive, with its prefix.
        wrong: The negatives, with their prefixes; mined ones hardest first.
    """

    anchor: str
    right: str
    wrong: tuple[str, ...]


def contrasts(
    questions: Sequence[Question],
    embedder: Embedder,
    settings: BiEncoderTrainingSettings,
    more: Sequence[Sequence[str]] = (),
) -> list[Contrast]:
    """Return one contrast per suitable question.

    Questions that the solver answers by rules of wording are left out: for a negated prompt the
    right option is the least similar one, and "all of the above" is similar to nothing.

    Args:
        questions: Questions with answers.
        embedder: The model, for its prefixes and truncation.
        settings: Training settings.
        more: Additional negatives of each question.
    """
    found = []
    for place, question in enumerate(questions):
        wrong = [o for i, o in enumerate(question.options) if i not in question.right_options]
        wrong = [option for option in wrong if _states_something(option)][: settings.n_wrong]
        wrong += more[place] if more else ()
        right = "" if question.answer is None else question.options[question.answer]
        if is_negated(question.prompt) or not _states_something(right) or not wrong:
            continue
        options = Question(question.id, question.prompt, (right, *wrong), 0, question.passages)
        if settings.reads == "options":
            found.append(_with_prompt(options, embedder))
        elif question.passages:
            found.extend(_with_sentence(options, embedder))
    return found


def make_rows(
    train: Exam, embedder: Embedder, settings: BiEncoderTrainingSettings
) -> tuple[Dataset, tuple[str, ...]]:
    """Return the data set, and notes for the user.

    Raises:
        ExamError: No question is suitable.
    """
    more = hard_negatives(train, settings.hard_negatives)
    found = contrasts(train.questions, embedder, settings, more)
    if not found:
        raise ExamError(
            "no question is usable for training",
            file=train.source or None,
            hint="Training needs questions with answers"
            + (" and passages" * (settings.reads == "evidence")),
        )
    notes = []
    if len(found) < len(train):
        notes.append(
            f"{len(train) - len(found)} of {len(train)} training questions were "
            "skipped: negated questions, or options such as 'all of the above', "
            "leave nothing to compare"
            + (", or they have no passages" if settings.reads == "evidence" else "")
        )
    return Dataset.from_dict(columns(found, settings)), tuple(notes)


def columns(rows: Sequence[Contrast], settings: BiEncoderTrainingSettings) -> dict[str, list[Any]]:
    """Return the columns of a data set for the loss.

    Lists have `anchor`, `positive`, `negative_1` and so on; a question with fewer negatives
    repeats them. Pairs have `anchor`, `option`, `label`.
    """
    if settings.over_lists:
        width = max((len(row.wrong) for row in rows), default=0)
        table: dict[str, list[Any]] = {
            "anchor": [row.anchor for row in rows],
            "positive": [row.right for row in rows],
        }
        for i in range(width):
            table[f"negative_{i + 1}"] = [row.wrong[i % len(row.wrong)] for row in rows]
        return table
    pairs = [
        (row.anchor, text, label)
        for row in rows
        for text, label in ((row.right, 1), *((text, 0) for text in row.wrong))
    ]
    return {
        "anchor": [anchor for anchor, _, _ in pairs],
        "option": [text for _, text, _ in pairs],
        # Some losses need float labels, others integer classes.
        "label": [label if settings.loss == "contrastive" else float(label) for *_, label in pairs],
    }


def _with_prompt(question: Question, embedder: Embedder) -> Contrast:
    prompt, options = closed_book_texts(question)
    query, passage = (embedder.prefixes.get(kind, "") for kind in ("query", "passage"))
    right, *wrong = (passage + option for option in options)
    return Contrast(query + prompt, right, tuple(wrong))


def _with_sentence(question: Question, embedder: Embedder) -> list[Contrast]:
    best = SentenceSelector(question.passages).choose(question.prompt, question.options[0], n=1)
    if not best:
        return []
    texts = query_texts(
        question, lambda some: embedder.count_tokens(some, kind="query"), embedder.max_tokens
    )
    query, passage = (embedder.prefixes.get(kind, "") for kind in ("query", "passage"))
    right, *wrong = (query + text.text for text in texts)
    return [Contrast(passage + best[0].text, right, tuple(wrong))]


def _states_something(option: str) -> bool:
    return bool(option.strip()) and not means_all(option) and not means_none(option)
