"""The task: its plan, its section of the report, and its items, solvers and metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from llmexam.report.sections.registry import GENERAL_SECTIONS
from llmexam.report.sections.section import ReportData, Section
from llmexam.solvers.spec import SolverSpec
from llmexam.solvers.text import TextSolver, text_solver_class
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.text import TextTask
from one_word.items import WordExam, read_words
from one_word.metric import ExactMatch
from one_word.solvers import SOLVERS


class WordSolver(SolverSpec):
    """A solver of this task and its settings."""

    @classmethod
    def class_of(cls, solver: str) -> type[TextSolver[WordExam]]:
        """Return the class of a solver."""
        return text_solver_class(SOLVERS, solver)


class WordPlan(RunPlan):
    """The plan of a run of this task."""

    solvers: tuple[WordSolver, ...]


def wrong_answers(data: ReportData) -> list[tuple[str, str, str]] | None:
    """Return prompt, answer and right answer of each wrongly answered question."""
    exam, final = data.content.exam, data.content.final
    rows = zip(exam.prompts, final.texts, exam.answers, strict=False)
    return [row for row in rows if row[1].casefold() != row[2].casefold()] or None


WRONG_ANSWERS = Section(
    name="wrong-answers",
    label="Wrong answers",
    view=wrong_answers,
    template="""
<section id="wrong-answers" aria-labelledby="wrong-answers-title">
<h2 id="wrong-answers-title">Wrong answers</h2>
<ul class="card">
{% for prompt, given, right in view %}
<li>{{ prompt }} <b>{{ given }}</b> instead of <b>{{ right }}</b></li>
{% endfor %}
</ul>
</section>
""",
)


class OneWord(TextTask[WordPlan, WordExam]):
    """Questions that are answered with one word, graded by exact match."""

    name = "one-word"
    noun = "question"
    plan_class = WordPlan
    sections = (*GENERAL_SECTIONS, WRONG_ANSWERS)

    def read(self, plan: WordPlan) -> WordExam:
        """Return the questions of the plan's exam."""
        return read_words(plan.exam.file)

    def metrics(self, plan: WordPlan) -> Sequence[ExactMatch]:
        """Return the metrics, the primary one first."""
        return (ExactMatch(),)

    def baselines(self, plan: WordPlan, items: WordExam) -> Mapping[str, Sequence[str]]:
        """Return answers that do not read the questions: always the most frequent word."""
        ((word, _),) = Counter(items.answers).most_common(1)
        return {"most frequent word": [word] * len(items)}
