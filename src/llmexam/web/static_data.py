"""The items of a run as a script, which pages can load without a server to search in them."""

from __future__ import annotations

import json
from typing import Any

from llmexam.workflows.browse.choice_run import ChoiceRun
from llmexam.workflows.browse.questions import VERDICTS, mark
from llmexam.workflows.browse.recovery_run import MARKS, RecoveryRun


def choice_data(run: ChoiceRun) -> str:
    """Return a script that sets `llmexamItems` to the questions of a run."""
    marks = {name: mark(run, name) for name in VERDICTS}
    items = []
    for row, question in enumerate(run.content.exam):
        brief = run.questions.brief(row, in_full=True)
        items.append(
            {
                "n": row + 1,
                "text": run.texts[row],
                "prompt": brief.prompt,
                "tag": brief.outcome,
                "kind": brief.verdict,
                "marks": [name for name, found in marks.items() if found[row]],
                "told": f"{brief.row}, id {brief.id}; ranked {brief.ranked}",
                "right": question.right_letters.split(", ") if question.right_options else [],
                "chosen": brief.ranked[:1],
                "length": len(question.prompt),
                "slices": [f"{by}:{values[row]}" for by, values in run.slices.items()],
                "rank": int(run.grades.answer_rank[row]),
                "margin": round(float(run.grades.answer_margin[row]), 6),
                "lead": round(float(run.grades.lead[row]), 6),
            }
        )
    return _script(items)


def recovery_data(run: RecoveryRun) -> str:
    """Return a script that sets `llmexamItems` to the rows of a run."""
    found = {name: set(run.find(mark=name)) for name in MARKS} if run.final.rows else {}
    scores = run.final.scores
    items = []
    for row, rewrite in enumerate(run.exam):
        score = 0.0 if scores is None else float(scores[row])
        items.append(
            {
                "n": row + 1,
                "text": run.texts[row],
                "prompt": run.final.texts[row],
                "tag": "" if scores is None else f"{score:.4f}",
                "kind": "right" if row in found.get("high", ()) else "",
                "marks": [name for name, rows in found.items() if row in rows],
                "told": f"id {rewrite.id}",
                "score": score if score == score else 0.0,
            }
        )
    return _script(items)


def _script(items: list[dict[str, Any]]) -> str:
    return f"window.llmexamItems = {json.dumps(items, ensure_ascii=True)};\n"
