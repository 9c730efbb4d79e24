"""Knowledge distillation: the scores of a larger model as soft labels (arXiv 1503.02531)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from llmexam.errors import ScoreError
from llmexam.evaluation.calibration import softmax
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores
from llmexam.training.base.losses import StepLoss
from llmexam.training.multiple_choice.settings import DistillationSettings


class Teacher:
    """The teacher's probabilities of the options of all training questions.

    Questions that the score file lacks have only their answer as label.

    Args:
        questions: The training questions.
        settings: Score file and temperature.

    Raises:
        ScoreError: The file cannot be read, has none of the questions, or another number of
            options for one of them.
    """

    def __init__(self, questions: Sequence[Question], settings: DistillationSettings) -> None:
        scores, _ = read_scores(settings.scores)
        shares = softmax(scores, settings.temperature).astype(np.float32)
        rows = {question_id: row for row, question_id in enumerate(scores.question_ids)}
        self._shares: list[NDArray[np.float32] | None] = []
        for question in questions:
            row = rows.get(question.id)
            own = None if row is None else shares[row][scores.present[row]]
            if own is not None and len(own) != len(question.options):
                raise ScoreError(
                    f"expected {len(question.options)} scores of question '{question.id}', got "
                    f"{len(own)}",
                    file=settings.scores,
                    hint="Score the training questions again with `llmexam solve`",
                )
            self._shares.append(own)
        self.n_known = sum(share is not None for share in self._shares)
        if not self.n_known:
            raise ScoreError(
                f"no id of the {len(questions)} training questions is in the score file",
                file=settings.scores,
                hint="Give the teacher's scores of the training questions. If several exam files "
                "share ids, ids start with the number of their file, as in '2:q7'",
            )

    def labels(self, rows: Sequence[int], orders: Sequence[NDArray[np.int64]]) -> Any:
        """Return soft labels, float32, shape `[n_questions, n_options]`; zeros without a teacher.

        Args:
            rows: Indices of the questions of a pass.
            orders: The options that each question shows, by their index. Probabilities of dropped
                options are distributed over the others.
        """
        found = np.zeros((len(rows), max(len(order) for order in orders)), dtype=np.float32)
        for place, (row, order) in enumerate(zip(rows, orders, strict=True)):
            share = self._shares[row]
            if share is not None:
                shown = share[order]
                total = shown.sum()
                found[place, : len(order)] = shown / total if total > 0 else 1 / len(order)
        return found


def distilled(loss: StepLoss, weight: float) -> StepLoss:
    """Return the loss of a step with soft labels: `(1 - weight) * loss + weight * soft loss`.

    The soft loss is the cross-entropy with the teacher's probabilities, as mean over the questions
    of the step. A question without a teacher has its usual loss.

    Args:
        loss: The loss with the answers, of the questions' logits and labels.
        weight: Weight of the soft labels.
    """

    def mixed(
        outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        n_questions = labels.numel() if num_items_in_batch is None else num_items_in_batch
        soft = outputs["soft_labels"]
        taught = (soft.sum(dim=1) > 0) & (labels >= 0)
        logs = F.log_softmax(outputs["logits"].float(), dim=1)
        # 0 * -inf is not a number: options that a question lacks.
        each = -(soft * logs.masked_fill(soft == 0, 0.0)).sum(dim=1)
        own = loss(outputs, labels.masked_fill(~taught, -100), n_questions)
        others = loss(outputs, labels.masked_fill(taught, -100), n_questions)
        taught_loss = each.masked_fill(~taught, 0.0).sum() / n_questions
        total: Tensor = others + (1 - weight) * own + weight * taught_loss
        return total

    return mixed
