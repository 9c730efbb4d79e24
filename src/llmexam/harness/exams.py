"""The questions of a log as an exam, and its answers as predictions of any exam."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llmexam.errors import ExamError, SubmissionError
from llmexam.evaluation.alignment import name_ids
from llmexam.evaluation.compare import Prediction
from llmexam.evaluation.predictions import load_prediction
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.harness.batch import NAME as BATCH
from llmexam.harness.log import HarnessLog, LoggedAnswer
from llmexam.harness.matching import normal_key, pair_by_text, places_of
from llmexam.harness.reading import is_log, read_log
from llmexam.solvers.served.answers import parse_answer
from llmexam.storage.hashing import hash_file


def exam_of(log: HarnessLog) -> Exam:
    """Return the questions of a log.

    Raises:
        ExamError: They are not multiple choice.
    """
    if not log.is_choice:
        lacking = [one.id for one in log.answers if len(one.options) < 2 or not one.right]
        raise ExamError(
            f"{len(lacking)} of {len(log.answers)} questions of the log have no options or no "
            f"right one: {name_ids(lacking)}",
            file=log.path,
            hint="Give the exam that the log answers: llmexam evaluate EXAM LOG",
        )
    return Exam(
        tuple(
            Question(
                one.id,
                one.prompt,
                one.options,
                one.right[0],
                metadata=one.metadata,
                right=one.right if len(one.right) > 1 else (),
            )
            for one in log.answers
        ),
        source=str(log.path),
        format=log.harness,
        source_hash=hash_file(log.path),
    )


def predictions_of(log: HarnessLog, exam: Exam) -> ScoreMatrix | dict[str, Sequence[int]]:
    """Return what a log answers to the questions of an exam.

    Questions are matched by id, or where the log has other ids, by their text and options. Options
    may have another order in the log.

    Args:
        log: The log.
        exam: The questions.

    Returns:
        Scores where the log has one for each option of each question, else rankings.

    Raises:
        SubmissionError: A question of the exam is not in the log, or has other options there.
    """
    found = answers_by_question(log, exam)
    if all(one.scores for one in found):
        rows = [np.array(one.scores, dtype=np.float32) for one in found]
        # A likelihood of zero is a score, but not a number that scores may hold.
        finite = [np.where(np.isneginf(row), np.float32(-1e30), row) for row in rows]
        return ScoreMatrix.from_rows(exam.ids, finite)
    return {question.id: one.ranking for question, one in zip(exam, found, strict=True)}


def answers_by_question(log: HarnessLog, exam: Exam) -> list[LoggedAnswer]:
    """Return the answer to each question of an exam, with its options in the exam's order.

    Raises:
        SubmissionError: A question of the exam is not in the log, or has other options there.
    """
    return [_match(question, one, log) for question, one in _pairs(log, exam)]


def _pairs(log: HarnessLog, exam: Exam) -> list[tuple[Question, LoggedAnswer]]:
    by_id = {one.id: one for one in log.answers}
    if log.harness == BATCH or all(_is_same(by_id.get(one.id), one) for one in exam):
        found = [by_id.get(question.id) for question in exam]
    else:
        found = pair_by_text(exam.questions, log.answers)
    missing = [question.id for question, one in zip(exam, found, strict=True) if one is None]
    if missing:
        raise SubmissionError(
            f"{len(missing)} of {len(exam)} questions are not in the log: {name_ids(missing)}",
            file=log.path,
            hint="Questions are matched by id, or by their text and options where these are "
            "distinct. To grade the log by its own questions: llmexam evaluate LOG",
        )
    return [(question, one) for question, one in zip(exam, found, strict=True) if one]


def _is_same(answer: LoggedAnswer | None, question: Question) -> bool:
    return answer is not None and normal_key(answer) == normal_key(question)


def _match(question: Question, answer: LoggedAnswer, log: HarnessLog) -> LoggedAnswer:
    """Return an answer with the options in the order of the question."""
    if log.harness == BATCH:
        order = parse_answer(answer.reply, question.options).order
        return LoggedAnswer(answer.id, ranking=order, reply=answer.reply)
    if answer.options == question.options:
        return answer
    place = places_of(answer.options, question.options)
    if place is None:
        raise SubmissionError(
            f"question '{question.id}': the options of the log cannot be told apart by their texts",
            file=log.path,
            hint="Give an exam with the same texts of options, each of them different",
        )
    scores = [0.0] * len(answer.scores)
    for index, score in enumerate(answer.scores):
        scores[place[index]] = score
    return LoggedAnswer(
        answer.id,
        ranking=tuple(place[index] for index in answer.ranking),
        scores=tuple(scores),
        reply=answer.reply,
    )


def load_exam_or_log(source: ExamSource) -> Exam:
    """Return the questions of an exam file, or those of a log.

    Raises:
        ExamError: The file cannot be read, or the questions of the log are not multiple choice.
    """
    if is_log(source.path):
        return exam_of(read_log(source.path))
    return load_exam(source)


def load_answers(prediction: Prediction | str | Path, exam: Exam) -> Prediction:
    """Return a prediction unchanged, or read it from a score file, a submission or a log.

    Raises:
        ExamError: The log is damaged.
        ScoreError: The score file is invalid.
        SubmissionError: The submission or the log is invalid or does not match the exam.
    """
    if isinstance(prediction, str | Path) and is_log(prediction):
        return predictions_of(read_log(prediction), exam)
    return load_prediction(prediction, exam)


def shared_exam(a: HarnessLog, b: HarnessLog) -> Exam:
    """Return the questions of one log that another log answers as well.

    Raises:
        ExamError: There are none, or a log is not multiple choice.
    """
    exam = exam_of(a)
    theirs = pair_by_text(exam.questions, b.answers)
    shared = [row for row, one in enumerate(theirs) if one is not None]
    if not shared:
        raise ExamError(
            f"the log shares no question with {a.path}",
            file=b.path,
            hint="Both must answer the same questions: texts and options are compared",
        )
    return exam.subset(shared)
