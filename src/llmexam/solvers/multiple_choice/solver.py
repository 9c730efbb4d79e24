"""Solver `multiple-choice`: a trained model scores each option with its evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.exam.wording import follow_wording
from llmexam.solvers.readers.reasons import probability_notes
from llmexam.solvers.readers.solver import ForeignReaderSettings, OptionReader, Read


class MultipleChoiceSettings(ForeignReaderSettings):
    """Settings of solver `multiple-choice`."""

    read_wording: bool = Field(
        False,
        description="reverse the ranking for negated questions ('which is NOT ...'), and handle "
        "options such as 'all of the above'; rarely needed, because trained models "
        "learn such wording",
    )


class MultipleChoiceSolver(OptionReader):
    """Scores options by the logits of a model trained with a softmax over the options."""

    settings_class = MultipleChoiceSettings
    settings: MultipleChoiceSettings
    family = "multiple-choice"
    task = "multiple-choice"

    def _judge(self, read: Read) -> NDArray[np.float64]:
        asked = isinstance(self.settings, MultipleChoiceSettings) and self.settings.read_wording
        return follow_wording(read.question, read.logits) if asked else read.logits

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        return probability_notes(logits)
