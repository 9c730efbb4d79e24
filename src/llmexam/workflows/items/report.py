"""Analyse the questions of one or several exams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from llmexam import __version__
from llmexam.errors import SettingsError
from llmexam.evaluation.items import Responses, analyse, read_responses
from llmexam.evaluation.items.tells import option_tells
from llmexam.exam.audit.audit import audit_exam
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.report.items.content import ExamItems, ItemReport
from llmexam.report.items.yields import read_yields
from llmexam.tasks.lookup import require_default_task
from llmexam.workflows.items.answers import answer_files, match_answers
from llmexam.workflows.items.flaws import flaws_of
from llmexam.workflows.items.panel import Variant, answer, panel_of

Progress = Callable[[str, int, int], None]
DEFAULT_SAMPLE = 1_000


def analyse_items(
    exams: Sequence[Exam | ExamSource | str | Path],
    *,
    answers: Sequence[str | Path] = (),
    solvers: Sequence[str] = (),
    sample: int = DEFAULT_SAMPLE,
    format: str | None = None,
    against: Sequence[str | Path] = (),
    near_threshold: float = 0.7,
    seed: int = 0,
    progress: Progress = lambda name, n, of: None,
) -> ItemReport:
    """Return difficulty, discrimination, distractor use, tells, flaws and duplicates of exams.

    Args:
        exams: Exams, or their files.
        answers: Score files, submissions or run folders of solvers that answered them; matched by
            question ids.
        solvers: Names of solvers that answer the exams now, each with several settings. Without
            answers and names, `lexical`, `bi-encoder` and `longest` do.
        sample: Questions of an exam that these solvers answer, drawn at random; 0 for all.
        format: Format of the files; detected by default.
        against: Files that should share no question with the exams.
        near_threshold: Jaccard similarity from which prompts are near duplicates.
        seed: Random seed of the sample, of resampling and of permutations.
        progress: Called with what is being done, the questions done and of all.

    Raises:
        LlmExamError: A file or a setting cannot be used.
    """
    if not exams:
        raise SettingsError("expected at least one exam")
    files = answer_files(answers)
    names = [] if files and not solvers else list(solvers)
    variants, missing = ((), {}) if files and not solvers else panel_of(names)
    loaded = [_load(exam, format) for exam in exams]
    given = match_answers(loaded, files)
    # Before the solvers answer, because a damaged file is an error.
    yields = [None if isinstance(exam, Exam) else read_yields(str(exam)) for exam in exams]
    found = []
    for exam, path, own, its_yields in zip(loaded, exams, given, yields, strict=True):
        audit = audit_exam(
            exam, against=against, near_threshold=near_threshold, seed=seed, format=format
        )
        labelled = [i for i, question in enumerate(exam) if question.answer is not None]
        notes = [f"{name} was left out: {reason}" for name, reason in missing.items()]
        responses: Responses | None = None
        if labelled:
            kept: Sequence[int] = range(len(exam))
            if variants and not own:
                kept = _sampled(labelled, sample, seed)
            scores, kinds = answer(exam.subset(kept), variants, progress, taken=own)
            responses = read_responses(
                exam.subset(kept), {**own, **scores}, groups=kinds, rows=[i + 1 for i in kept]
            )
            notes += [f"{n} was left out: {why}" for n, why in responses.left_out.items()]
        else:
            notes.append("No question has an answer, so there is no item analysis.")
        enough = responses is not None and responses.n_raters > 0
        if labelled and not enough:
            notes.append("No solver could answer: give --answers, or other solvers.")
        found.append(
            ExamItems(
                name=_name(exam, path),
                exam=exam,
                audit=audit,
                tells=option_tells(exam.questions, seed=seed),
                analysis=analyse(responses, seed=seed) if responses and enough else None,
                flaws=flaws_of(exam),
                yields=its_yields,
                notes=tuple(notes),
            )
        )
    return ItemReport(tuple(found), _provenance(loaded, files, variants, seed))


def _load(exam: Exam | ExamSource | str | Path, format: str | None) -> Exam:
    if format is None and not (isinstance(exam, ExamSource) and exam.options.format):
        require_default_task(exam, "audit --items")
    return load_exam(exam, format)


def _sampled(labelled: Sequence[int], n: int, seed: int) -> Sequence[int]:
    """Return the places of a random sample of the questions with answers, in their order."""
    if not n or len(labelled) <= n:
        return labelled
    drawn = np.random.default_rng(seed).choice(len(labelled), size=n, replace=False)
    return [labelled[i] for i in sorted(drawn)]


def _name(exam: Exam, given: Exam | ExamSource | str | Path) -> str:
    source = exam.source if isinstance(given, Exam) else str(given)
    return Path(source).stem or "exam"


def _provenance(
    exams: Sequence[Exam], files: dict[str, Path], variants: Sequence[Variant], seed: int
) -> dict[str, str]:
    hashes = {Path(exam.source).name or "exam": exam.content_hash[:16] for exam in exams}
    found = {f"content hash of {name}": value for name, value in hashes.items()}
    if files:
        found["answers"] = ", ".join(files)
    if variants:
        found["solvers"] = "; ".join(variant.name for variant in variants)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {**found, "seed": str(seed), "llmexam": __version__, "made": made}
