"""Prepared recoverers: fitted once on rows with known prompts, then asked many times."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmexam.errors import ScoreError
from llmexam.recovery.recoverer import Recoverer, Recovery
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.wording import is_blank, readable
from llmexam.workflows.trial.answers import RecoverAnswer, recover_answer


@dataclass
class PreparedRecoverer:
    """One recoverer, or those of a plan.

    Attributes:
        name: What it is called.
        members: The recoverers by name.
        final: The one whose prompt is the answer.
        train: Rows that those are fitted on that learn; None if none does.
        notes: What a person should know.
    """

    name: str
    members: Mapping[str, Recoverer]
    final: str
    train: RewriteExam | None = None
    notes: tuple[str, ...] = ()
    _is_fitted: bool = False

    def answer(self, items: Sequence[Rewrite]) -> list[RecoverAnswer]:
        """Return an answer to each pair of texts; equal pairs are asked once.

        Raises:
            LlmExamError: A recoverer cannot be used.
        """
        seconds: dict[str, float] = {}
        start = time.perf_counter()
        if not self._is_fitted:
            for recoverer in self.members.values():
                if recoverer.is_fitted and self.train is not None:
                    recoverer.fit(self.train)
            self._is_fitted = True
            seconds["fit"] = time.perf_counter() - start
            start = time.perf_counter()
        unique = {one.id: one for one in items}
        exam = RewriteExam(tuple(unique.values()), source="the page")
        found: dict[str, Sequence[Recovery]] = {
            name: recoverer.recover(exam) for name, recoverer in self.members.items()
        }
        seconds["recover"] = time.perf_counter() - start
        place = {id_: row for row, id_ in enumerate(unique)}
        return [self._answer(found, place[one.id], seconds, len(items)) for one in items]

    def _answer(
        self,
        found: Mapping[str, Sequence[Recovery]],
        row: int,
        seconds: Mapping[str, float],
        n_together: int,
    ) -> RecoverAnswer:
        own = found[self.final][row]
        text = readable(own.text)
        if is_blank(text):
            raise ScoreError(f"'{self.final}' gave no prompt for these texts")
        others = {name: readable(rows[row].text) for name, rows in found.items()}
        return recover_answer(
            self.name,
            Recovery(text, own.candidates, own.confidence),
            members=others if len(found) > 1 else {},
            notes=self.notes,
            seconds=dict(seconds),
            n_together=n_together,
        )
