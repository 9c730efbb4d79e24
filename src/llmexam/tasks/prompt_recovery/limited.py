"""What a prompt recovery with a time limit needs beside the steps of any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llmexam.recovery.recoverers.baselines import Constant
from llmexam.recovery.recoverers.spec import RecovererSpec
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.limited import Baseline, LimitedTask
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.tasks.prompt_recovery.results import RecoveryResult
from llmexam.tasks.text import TextResult


class LimitedRecovery(LimitedTask[RecoveryPlan, RewriteExam, TextResult]):
    """The baseline of prompt recovery: the usual constant prompt."""

    def baselines(
        self, plan: RecoveryPlan, items: RewriteExam, is_over: Callable[[], bool]
    ) -> Iterator[Baseline[TextResult]]:
        """Yield the constant prompt."""
        found = tuple(Constant().recover(items.without_prompts()))
        texts = tuple(one.text for one in found)
        spec = RecovererSpec.model_validate({"solver": "constant"})
        alone = plan.model_copy(update={"solvers": (spec,), "final": None})
        yield Baseline("constant", RecoveryResult("constant", texts, recoveries=found), alone)
