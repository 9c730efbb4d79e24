"""A solver that reads its answers from a file, so that a run can report and combine them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from llmexam.errors import ScoreError
from llmexam.evaluation.alignment import align_rankings, align_scores
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.harness.exams import answers_by_question, load_answers
from llmexam.harness.reading import is_log, read_log
from llmexam.settings.base import Settings
from llmexam.settings.kinds import LocalPath
from llmexam.solvers.protocol import BaseSolver, Explanation, OptionReason

_MOST_SHOWN = 400


class AnswersSettings(Settings):
    """Settings of the solver `answers`."""

    file: LocalPath = Field(
        description="score file (Parquet), submission (CSV), or log of lm-evaluation-harness, "
        "inspect_ai, HELM or an OpenAI batch",
    )


class AnswersSolver(BaseSolver):
    """Gives the scores of a file.

    A file that only ranks options gives 1 / rank, and 0 to options that it does not rank, so the
    calibration of such a result says nothing about the model.
    """

    settings_class = AnswersSettings
    settings: AnswersSettings

    @property
    def order_invariant(self) -> bool:
        """Answers belong to the options, wherever these are."""
        return True

    @property
    def whole_exam(self) -> bool:
        """The file has the answers to all questions."""
        return True

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the scores of the file.

        Raises:
            ExamError: The log is damaged.
            ScoreError: A question is not in the file, or has other options there.
            SubmissionError: The same of a submission or a log.
        """
        exam = Exam(tuple(questions))
        answers = load_answers(self.settings.file, exam)
        if isinstance(answers, ScoreMatrix):
            place = {name: row for row, name in enumerate(answers.question_ids)}
            missing = [name for name in exam.ids if name not in place]
            if missing:
                raise ScoreError(
                    f"question '{missing[0]}' has no scores",
                    file=self.settings.file,
                    hint="Give the scores of this exam",
                )
            return align_scores(exam, answers.subset([place[name] for name in exam.ids]))
        rows = []
        for question, ranking in zip(questions, align_rankings(exam, answers), strict=True):
            row = np.zeros(len(question.options), dtype=np.float32)
            for rank, option in enumerate(ranking[ranking >= 0].tolist(), 1):
                # Of an option that is named twice, the first rank counts.
                row[option] = max(row[option], 1 / rank)
            rows.append(row)
        return ScoreMatrix.from_rows(exam.ids, rows)

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return what the model wrote, at the option that it chose."""
        if not is_log(self.settings.file):
            return super().explain(questions)
        log = read_log(self.settings.file)
        found = []
        for question, answer in zip(
            questions, answers_by_question(log, Exam(tuple(questions))), strict=True
        ):
            chosen = answer.ranking[0] if answer.ranking else None
            reply = " ".join(answer.reply.split())
            if len(reply) > _MOST_SHOWN:
                reply = reply[: _MOST_SHOWN - 3] + "..."
            said = f"replied: {reply}" if reply else ""
            found.append(
                Explanation(
                    question.id,
                    tuple(
                        OptionReason(said if place == chosen else "")
                        for place in range(len(question.options))
                    ),
                )
            )
        return found
