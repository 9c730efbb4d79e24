"""Find which answer files belong to which exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from llmexam.errors import ScoreError, SubmissionError
from llmexam.evaluation.items.responses import Prediction
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.harness.exams import load_answers


def answer_files(given: Sequence[str | Path]) -> dict[str, Path]:
    """Return the files of solvers' answers by name.

    Args:
        given: Score files, submissions, or folders of runs, of which each solver's scores are
            taken. The name is that of the file; the folder's comes first where names repeat.

    Raises:
        ScoreError: A folder has no scores, or a file is given twice.
    """
    files: list[Path] = []
    for one in map(Path, given):
        if one.is_dir():
            inside = sorted((one / "scores").glob("*.parquet")) or sorted(one.glob("*.parquet"))
            if not inside:
                raise ScoreError(
                    "expected score files, got a folder without any",
                    file=one,
                    hint="Give the folder of a run, or score files",
                )
            files += inside
        else:
            files.append(one)
    stems = [file.stem for file in files]
    named: dict[str, Path] = {}
    for file in files:
        folder = file.parent.parent if file.parent.name == "scores" else file.parent
        name = file.stem if stems.count(file.stem) == 1 else f"{folder.name}/{file.stem}"
        if name in named:
            raise ScoreError(f"two solvers have the name '{name}'", file=file, hint="Rename one")
        named[name] = file
    return named


def match_answers(exams: Sequence[Exam], files: Mapping[str, Path]) -> list[dict[str, Prediction]]:
    """Return the answers to each exam, by name; files are matched to exams by question ids.

    Raises:
        ScoreError: A file belongs to none of the exams.
        SubmissionError: A submission belongs to none of them.
    """
    found: list[dict[str, Prediction]] = [{} for _ in exams]
    for name, path in files.items():
        problem: Exception | None = None
        for exam, taken in zip(exams, found, strict=True):
            try:
                loaded = _load(path, exam)
            except SubmissionError as error:
                problem = error
                continue
            if loaded is not None:
                taken[name] = loaded
                break
        else:
            if problem is not None:
                raise problem
            raise ScoreError(
                "the scores do not belong to any of the exams: other question ids",
                file=path,
                hint="Give the exam that they were computed from",
            )
    return found


def _load(path: Path, exam: Exam) -> Prediction | None:
    loaded = load_answers(path, exam)
    if isinstance(loaded, ScoreMatrix) and set(loaded.question_ids) != set(exam.ids):
        return None
    return loaded
