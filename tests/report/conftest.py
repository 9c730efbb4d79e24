"""A small, labelled report made by hand: six questions, two solvers, an ensemble."""

from dataclasses import replace

import pytest

from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import AuditFinding, ReportContent, SolverResult
from llmexam.solvers.protocol import Explanation, OptionReason, Support
from llmexam.stages.record import StageRecord

TEXT = "Light bends in glass. Red light bends least of all colours. Violet light bends most."
RED = (22, 59)
VIOLET = (60, 84)


def question(row, options=("red", "green", "violet"), answer=0, passages=None, **fields):
    return Question(
        id=f"id-{row}",
        prompt=fields.pop("prompt", f"Which colour bends least, take {row}?"),
        options=tuple(options),
        answer=answer,
        passages=(Passage(TEXT, "Optics"),) if passages is None else passages,
        **fields,
    )


def explanation(question_id, n_options=3):
    reasons = [
        OptionReason("2 words in one sentence", (Support(0, *RED, 2.0, ("red", "bends")),)),
        OptionReason("no sentence"),
        OptionReason("1 word in one sentence", (Support(0, *VIOLET, 1.0, ("violet",)),)),
    ]
    extra = [OptionReason("no sentence")] * (n_options - 3)
    return Explanation(question_id, tuple((reasons + extra)[:n_options]))


def make_result(exam, rows, name, *, graded=True, truncated=None, **fields):
    scores = ScoreMatrix.from_rows(exam.ids, rows, truncated)
    evaluation = evaluate_scores(exam, scores, name=name, n_resamples=200) if graded else None
    return SolverResult(name, scores, evaluation, **fields)


ENSEMBLE = [[3, 1, 0], [3, 2, 1], [0, 3, 1], [1, 1.2, 5], [2, 1, 0, -1], [1, 0]]
LEXICAL = [[2, 1, 0], [1, 2, 0], [0, 3, 1], [0, 1, 2], [2, 1, 0, -1], [0, 1]]


@pytest.fixture(scope="session")
def exam():
    """Rows 1, 2, 5 and 6 are right in the ensemble; row 3 has its answer last, row 4 too."""
    return Exam(
        (
            question(1),
            question(2),
            question(3, answer=0),
            question(4, answer=0),
            question(5, options=("red", "green", "violet", "blue")),
            question(6, options=("red", "green"), passages=()),
        ),
        source="exam.csv",
        format="csv",
        source_hash="f" * 64,
    )


@pytest.fixture(scope="session")
def content(exam):
    position = PositionAudit(
        n_rotations=3,
        metric="map_at_3",
        values=(0.75, 0.7, 0.8),
        spread=0.1,
        n_changed=2,
        n_questions=6,
    )
    explanations = tuple(explanation(q.id, len(q.options)) for q in exam)
    final = make_result(
        exam, ENSEMBLE, "ensemble", position=position, truncated=[True] + [False] * 5
    )
    lexical = make_result(exam, LEXICAL, "lexical", weight=0.75, explanations=explanations)
    first = make_result(
        exam, [[-i for i in range(len(q.options))] for q in exam], "letters", weight=0.25
    )
    return ReportContent(
        title="Optics, six questions",
        exam=exam,
        final=final,
        solvers=(lexical, first),
        comparisons=(
            compare_results(
                exam,
                final.scores,
                lexical.scores,
                name_a="ensemble",
                name_b="lexical",
                n_resamples=200,
            ),
        ),
        audit=(
            AuditFinding("letters", "note", "The answer is always A."),
            AuditFinding("repeats", "error", "Two prompts are the same.", (1, 2)),
        ),
        stages=(StageRecord("read exam", 0.02, 80.0), StageRecord("solve", 3.0, 1500.0, True)),
        command="llmexam run plan.yaml",
        seed=7,
        provenance={"llmexam": "0.1.0"},
        files={"submission": "run/submission.csv"},
    )


@pytest.fixture(scope="session")
def unlabelled(content):
    """The same without answers and without grades."""

    def bare(result):
        return replace(result, evaluation=None, position=None)

    return replace(
        content,
        exam=Exam(tuple(replace(q, answer=None) for q in content.exam)),
        final=bare(content.final),
        solvers=tuple(bare(s) for s in content.solvers),
        comparisons=(),
    )


@pytest.fixture(scope="session")
def hostile():
    """Every text tries to run a script, load something, or break the layout."""

    def attack(where):
        return f'<script>alert("{where}")</script><img src=https://evil.test/{where} onerror=x>'

    passage = f"{attack('passage')} fits. " + "W" * 3000
    options = tuple(attack(f"option{i}") + ("x" * 2000 if i == 1 else "") for i in range(26))
    questions = (
        Question(
            attack("id"),
            attack("prompt") + "ש" * 200 + "🎉" + "V" * 500,
            options,
            3,
            (Passage(passage, attack("source")), Passage("")),
        ),
        Question("שאלה", "  ", ("", "ירושלים"), 1, (Passage("\x00\ud800\x1b[31m", "t"),)),
    )
    exam = Exam(questions, source=attack("path"))
    reasons = tuple(
        OptionReason(attack("note"), (Support(0, 0, 60 + i, 1.0 + i, (attack("term"), "fits")),))
        for i in range(26)
    )
    explanations = (Explanation(attack("id"), reasons),)
    rows = [[float(i) for i in range(26)], [0.0, 1.0]]
    final = make_result(exam, rows, attack("solver"), explanations=explanations, weight=1.0)
    other = make_result(exam, rows, attack("other") + "n" * 300)
    return ReportContent(
        title=attack("title"),
        exam=exam,
        final=final,
        solvers=(final, other),
        comparisons=(
            compare_results(
                exam,
                final.scores,
                other.scores,
                name_a=attack("a"),
                name_b="b" * 300,
                n_resamples=50,
            ),
        ),
        audit=(AuditFinding(attack("check"), attack("severity"), attack("message"), (1,) * 99),),
        stages=(StageRecord(attack("stage"), 0.0, 0.0),),
        command=attack("command") + "c" * 900,
        provenance={attack("label"): attack("value")},
        files={attack("file"): "/" + "p" * 400},
    )


@pytest.fixture(scope="session")
def make_long():
    """A function that makes a report of `n` questions of which every fifth is wrong."""

    def build(n):
        exam = Exam(tuple(question(row) for row in range(1, n + 1)), source="long.csv")
        rows = [[0.0, 1 + i / n, 0.5] if i % 5 == 4 else [2 + i / n, 1.0, 0.0] for i in range(n)]
        explanations = tuple(explanation(q.id) for q in exam)
        final = make_result(exam, rows, "lexical", explanations=explanations)
        return ReportContent("A long exam", exam, final, (final,))

    return build


CODE = "def f(x):\n    if x:\n        return 1\n\treturn 0"


@pytest.fixture(scope="session")
def crowded():
    """What strains the layout: long names, 26 options, code, ties, and gains of every member.

    The baselines lie close together near the right end of their line.
    """
    code = Question(
        "code",
        f"What does this return?\n{CODE}",
        (CODE, "1"),
        0,
        (Passage(f"It returns one.\n{CODE}", "A page"),),
    )
    wide = [
        question(row, options=tuple("abcdefghijklmnopqrstuvwxyz"), answer=row)
        for row in range(1, 26)
    ]
    tied = [question(row, answer=row % 3) for row in range(30, 36)]
    exam = Exam((code, *wide, *tied))
    rows = [[2.0, 1.0], *([float(i == row % 20) for i in range(26)] for row in range(1, 26))]
    rows += [[0.0] * 3] * 6
    explained = (
        Explanation(
            "code",
            (
                OptionReason(
                    "as written", (Support(0, 0, len(code.passages[0].text), 1.0, ("one",)),)
                ),
                OptionReason(""),
            ),
        ),
    )
    position = PositionAudit(
        n_rotations=26,
        metric="map_at_3",
        values=(0.75, 0.7),
        spread=0.05,
        n_changed=12,
        n_questions=32,
    )
    final = make_result(exam, rows, "an-ensemble-of-everything-that-was-trained", position=position)
    primary, *others = final.evaluation.metrics
    primary = primary.model_copy(
        update={"chance": 0.93, "baselines": {"first": 0.95, "longest": 0.97}}
    )
    evaluation = final.evaluation.model_copy(update={"metrics": (primary, *others)})
    final = replace(final, evaluation=evaluation)
    names = ("w" * 120, "a solver whose name has many words, as people write them " * 2, "short")
    members = tuple(
        make_result(
            exam,
            [*rows[:-1], [0.0, 1.0, 2.0]],
            name,
            weight=1 / 3,
            position=position,
            explanations=explained,
        )
        for name in names
    )
    members = tuple(
        replace(m, gain=compare_results(exam, final.scores, m.scores, n_resamples=50))
        for m in members
    )
    return ReportContent(
        title="A crowded page",
        exam=exam,
        final=final,
        solvers=members,
        comparisons=tuple(m.gain for m in members),
        command="llmexam run " + "--set a.very.long.key=value " * 20,
        provenance={"versions": "python 3.11, " * 30},
    )


@pytest.fixture(scope="session")
def training_results(content):
    """What `results.json` says of a training, with a long name and folders of a machine."""
    grade = content.final.evaluation.model_dump(mode="json")
    metric = {**grade["metrics"][0], "label": "MAP@3", "explanation": "What it measures."}
    gain = {"difference": {"value": 0.25, "low": 0.1, "high": 0.4}}
    told = {
        "n_questions": 1200,
        "before": grade,
        "after": grade,
        "gains": {"before": gain},
        "baselines": {"random": 0.36, "longest": 0.41},
        "runs": {"seed-0": {}, "seed-1": {}},
        "over_runs": {
            "mean": 0.7,
            "standard_deviation": 0.01,
            "lowest": 0.69,
            "highest": 0.71,
        },
    }
    return {
        "title": "A [bold] training <b>",
        "family": "bi-encoder",
        "n_train": 12345,
        "metric": metric,
        "exams": {"w" * 90: told},
        "out_of_fold": None,
        "findings": [{"message": "found [something]"}],
        "notes": {"model": ["a note"]},
        "provenance": {"exam": "/home/someone/secret/exam.csv", "versions": "python, " * 40},
        "command": "llmexam train /home/someone/secret/recipe.yaml",
    }
