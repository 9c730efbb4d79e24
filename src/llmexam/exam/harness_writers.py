"""Writers for other tools: MMLU as on dataset hubs, inspect_ai and lm-evaluation-harness."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.context import join_context
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.writing_checks import require_answers_to_write, require_one_right

_SUBJECT_KEYS = ("subject", "category", "topic", "source")
_UNKNOWN = -1

LM_EVAL_PROMPT = (
    "{% if context %}{{ context }}\n\n{% endif %}{{ question }}\n"
    "{% for choice in choices %}{{ letters[loop.index0] }}. {{ choice }}\n{% endfor %}Answer:"
)
"""Prompt of the task for lm-evaluation-harness, in the manner of MMLU."""


def mmlu_records(exam: Exam) -> list[dict[str, Any]]:
    """Return the rows of MMLU on dataset hubs: question, subject, choices, answer.

    An unknown answer is -1, as there.

    Raises:
        ExamError: A question has several right options.
    """
    require_one_right(exam)
    return [
        {
            "question": question.prompt,
            "subject": _subject(question),
            "choices": list(question.options),
            "answer": _UNKNOWN if question.answer is None else question.answer,
        }
        for question in exam
    ]


def mmlu_text(exam: Exam) -> str:
    """Return MMLU as JSON Lines."""
    return _json_lines(mmlu_records(exam))


def mmlu_parquet(exam: Exam) -> bytes:
    """Return MMLU as Parquet."""
    # pyarrow takes longer to import than most exams to write.
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("question", pa.string()),
            ("subject", pa.string()),
            ("choices", pa.list_(pa.string())),
            ("answer", pa.int64()),
        ]
    )
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(mmlu_records(exam), schema=schema), stream)
    return stream.getvalue()


def inspect_text(exam: Exam) -> str:
    """Return samples of inspect_ai as JSON Lines: id, input, choices, target, metadata.

    The target is the letter of the right option, a list of letters where there are several, and
    empty where it is not known.
    """
    return _json_lines(
        {
            "id": question.id,
            "input": question.prompt,
            "choices": list(question.options),
            "target": [letter_of(i) for i in question.right] or question.answer_letter or "",
            **({"metadata": dict(question.metadata)} if question.metadata else {}),
        }
        for question in exam
    )


def lm_eval_files(exam: Exam, path: Path) -> dict[Path, str | bytes]:
    """Return a task of lm-evaluation-harness: its YAML file, and its data beside it.

    The prompt shows the options with letters, and the likelihoods of the letters are compared, as
    in MMLU. A choice among several right options counts as right.

    Args:
        exam: The exam.
        path: The YAML file.

    Raises:
        ExamError: A question has no answer, or the path does not end in .yaml or .yml.
    """
    data = data_file(path)
    require_answers_to_write(exam, "lm-eval")
    several = exam.has_several_right
    rows = [
        {
            "id": question.id,
            "context": join_context(question.passages),
            "question": question.prompt,
            "choices": list(question.options),
            "letters": [letter_of(i) for i in range(len(question.options))],
            # One column has one type.
            "answer": list(question.right_options) if several else question.answer,
        }
        for question in exam
    ]
    name = re.sub(r"[^A-Za-z0-9_]+", "_", path.stem).strip("_") or "exam"
    return {data: _json_lines(rows), path: _task_yaml(name, data.name)}


def data_file(path: Path) -> Path:
    """Return the data file beside the YAML file of a task.

    Raises:
        ExamError: The path does not end in .yaml or .yml; the data could have the same name.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ExamError(
            "expected a file name that ends in .yaml, for a task of lm-evaluation-harness",
            file=path,
            hint=f"Write to {path.stem or 'task'}.yaml; the data are in a .jsonl file beside it",
        )
    return path.with_suffix(".jsonl")


def _task_yaml(name: str, data: str) -> str:
    import yaml

    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": data}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": LM_EVAL_PROMPT,
        "doc_to_choice": "letters",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }
    head = (
        f"# Run in the folder of this file, where {data} is:\n"
        f"# lm_eval --include_path . --tasks {name} --model hf --model_args pretrained=MODEL\n"
    )
    return head + yaml.safe_dump(task, sort_keys=False, allow_unicode=True, width=100)


def _subject(question: Question) -> str:
    return next((question.metadata[key] for key in _SUBJECT_KEYS if key in question.metadata), "")


def _json_lines(records: Any) -> str:
    return "".join(
        json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records
    )
