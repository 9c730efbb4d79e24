"""Write exams of multiple choice in other formats, whole or in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.exam.shuffling import shuffle_options
from llmexam.exam.splits import k_folds, split_exam
from llmexam.exam.writers import WRITERS, names_of, what_is_lost, write_exam
from llmexam.harness.exams import load_exam_or_log
from llmexam.tasks.capabilities import Converter, ExamFile

_STRATA = "answer"


class ChoiceConverter(Converter[Exam]):
    """Writes exams as tables, JSON Lines, quizzes, and for other evaluation tools."""

    suffixes: Mapping[str, str] = {
        ".csv": "kaggle",
        ".jsonl": "jsonl",
        ".json": "alpaca",
        ".xml": "moodle-xml",
        ".gift": "gift",
        ".parquet": "hub-mmlu",
        ".yaml": "lm-eval",
        ".yml": "lm-eval",
    }
    formats: Sequence[str] = tuple(WRITERS)
    noun = "question"

    def load(self, exam: Exam | ExamFile) -> Exam:
        """Return an exam unchanged, or read it."""
        if isinstance(exam, Exam):
            return exam
        return load_exam_or_log(exam.source)

    def split(
        self,
        items: Exam,
        shares: Mapping[str, float],
        *,
        seed: int,
        stratify: str | None,
        group_by: str | None,
    ) -> Mapping[str, Exam]:
        """Return the parts by name; by default each has its share of every right letter."""
        parts = split_exam(items, shares, seed=seed, stratify=_strata(stratify), group_by=group_by)
        return {name: items.subset(list(places)) for name, places in parts.items()}

    def folds(
        self, items: Exam, n: int, *, seed: int, stratify: str | None, group_by: str | None
    ) -> Sequence[Exam]:
        """Return the folds; by default each has its share of every right letter."""
        folds = k_folds(items, n, seed=seed, stratify=_strata(stratify), group_by=group_by)
        return [items.subset(list(places)) for places in folds]

    def write(self, path: Path, items: Exam, format: str) -> None:
        """Write an exam, whole or not at all."""
        write_exam(path, items, format=format)

    def shuffled(self, items: Exam, seed: int) -> Exam:
        """Return the exam with the options of each question in random order."""
        return shuffle_options(items, seed)

    def files(self, path: Path, format: str) -> tuple[Path, ...]:
        """Return the files that are written: a task of lm-eval has two."""
        return names_of(path, format)

    def lost(self, items: Exam, format: str) -> tuple[str, ...]:
        """Return what a format cannot store of an exam."""
        return what_is_lost(items, format)


def _strata(stratify: str | None) -> str | None:
    """Return what to stratify by; None is the default, and `none` is nothing."""
    if stratify is None:
        return _STRATA
    return None if stratify == "none" else stratify
