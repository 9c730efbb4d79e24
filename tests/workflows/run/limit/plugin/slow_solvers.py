"""A solver of an outside package that is as slow, and as broken, as its settings say."""

import os
import signal
import time
from typing import Literal

from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import BaseSolver


class SlowSettings(Settings):
    """Settings of solver `slow`."""

    seconds: float = 0.0
    then: Literal["answer", "hang", "fail", "refuse", "die"] = "answer"


class SlowSolver(BaseSolver):
    """Ranks options by length after a pause for each question."""

    settings_class = SlowSettings
    settings: SlowSettings
    order_invariant = True

    def score(self, questions):
        time.sleep(self.settings.seconds * len(questions))
        if self.settings.then == "hang":
            time.sleep(3600)
        elif self.settings.then == "fail":
            raise ValueError("a bug")
        elif self.settings.then == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        rows = [[float(len(option)) for option in question.options] for question in questions]
        return ScoreMatrix.from_rows([question.id for question in questions], rows)
