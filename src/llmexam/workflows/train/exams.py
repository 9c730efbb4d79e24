"""The exams of a recipe: read, split, check, and attach evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from llmexam.errors import SettingsError, plural
from llmexam.evaluation.alignment import require_answers
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam_with
from llmexam.exam.question import Question
from llmexam.exam.splits import split_exam
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.report.content import Items
from llmexam.retrieval.gather import (
    evidence_origin,
    gather_evidence,
    missing_evidence,
    require_evidence,
)
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.same_evidence import require_same_evidence
from llmexam.stages.stage import Executor
from llmexam.training.preflight import Checked, check_training_exam
from llmexam.training.settings import TrainingSettings
from llmexam.workflows.train.recipe import ExamFile, Recipe

# Exams that were read, by file and format.
Files = dict[tuple[Path, str], Exam]

ItemsT = TypeVar("ItemsT", bound=Items)


@dataclass(frozen=True)
class TrainingExams(Generic[ItemsT]):
    """Training, dev and graded exams of a recipe, all with evidence.

    Attributes:
        train: The questions to train on, or other items.
        dev: Those that choose the best step; None where there are none.
        report: Exams by name that are graded when all is done.
        origin: How the evidence was found.
        findings: What a person should know of them.
        sources: What a report says of where the evidence came from.
    """

    train: ItemsT
    dev: ItemsT | None
    report: dict[str, ItemsT]
    origin: EvidenceOrigin
    findings: tuple[Finding, ...]
    sources: dict[str, str]

    @property
    def graded(self) -> dict[str, ItemsT]:
        """All exams that are graded by name, dev first."""
        return ({"dev": self.dev} if self.dev is not None else {}) | self.report


def prepare_splits(
    recipes: Sequence[Recipe], stages: Executor, folder: Path
) -> tuple[TrainingExams[Exam], ...]:
    """Return the exams of recipes that differ only in their split; evidence is retrieved once.

    Args:
        recipes: The recipes.
        stages: The stages of the training.
        folder: The training's folder; it gets indexes and what was found.

    Raises:
        ExamError: A file cannot be read, or has questions without answers, or training questions
            are in an exam that is graded.
        SettingsError: The evidence of an exam would be found in another way than the training's.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    plan = recipes[0].evidence
    require_evidence(plan)
    known: Files = {}
    read = stages.time("read the exams", lambda: [read_exams(one, known) for one in recipes])
    checked = stages.time(
        "check the training questions",
        lambda: [_check(recipe, exams) for recipe, exams in zip(recipes, read, strict=True)],
    )
    for exams, one in zip(read, checked, strict=True):
        exams["train"] = one.train
    origins = [_one_origin(recipe, exams) for recipe, exams in zip(recipes, read, strict=True)]
    found, sources = _gather(plan, read, stages, folder)
    prepared = []
    for recipe, exams, one, origin in zip(recipes, found, checked, origins, strict=True):
        findings = (
            *one.findings,
            *_chosen_by(exams),
            *missing_evidence(exams["train"], _readers(recipe)),
        )
        report = {name: exam for name, exam in exams.items() if name not in ("train", "dev")}
        prepared.append(
            TrainingExams(exams["train"], exams.get("dev"), report, origin, findings, sources)
        )
    return tuple(prepared)


def read_exams(recipe: Recipe, known: Files | None = None) -> dict[str, Exam]:
    """Return the exams of a recipe by name: train, dev, test, and those of `report_on`.

    Args:
        recipe: The recipe.
        known: Files that were read already, whole; those that are read are added.

    Raises:
        ExamError: A file cannot be read, or has questions without answers.
    """
    known = {} if known is None else known
    train = join_exams([_read(file, recipe.split_seed, known) for file in recipe.train])
    exams = {"train": train}
    if recipe.split is not None:
        # Equal prompts stay in one part, or a part would know of another's answers.
        parts = split_exam(train, recipe.shares, seed=recipe.split_seed, group_by="prompt")
        exams = {name: train.subset(rows.tolist()) for name, rows in parts.items()}
    if recipe.dev is not None:
        exams["dev"] = _read(recipe.dev, recipe.split_seed, known)
    for file in recipe.report_on:
        stem = "sample" if file.path == "bundled" else file.file.stem
        name, number = stem, 2
        while name in exams:
            name, number = f"{stem}-{number}", number + 1
        exams[name] = _read(file, recipe.split_seed, known)
    for exam in exams.values():
        require_answers(exam)
    return exams


def join_exams(exams: Sequence[Exam]) -> Exam:
    """Return one exam of the questions of several, in order.

    Ids stay as they are if no two agree; else they get the number of their exam, from 1, before
    them.
    """
    if len(exams) == 1:
        return exams[0]
    ids = [question_id for exam in exams for question_id in exam.ids]
    if len(set(ids)) == len(ids):
        questions = tuple(question for exam in exams for question in exam)
    else:
        questions = tuple(
            replace(question, id=f"{number}:{question.id}")
            for number, exam in enumerate(exams, 1)
            for question in exam
        )
    return Exam(questions, source=", ".join(exam.source for exam in exams))


def _chosen_by(exams: Mapping[str, Exam]) -> list[Finding]:
    """Return where questions that choose the best step are reported on, too, which flatters."""
    if "dev" not in exams:
        return []
    findings = []
    choosing = set(exams["dev"].question_hashes)
    for name, exam in exams.items():
        hashes = enumerate(exam.question_hashes, 1) if name not in ("train", "dev") else ()
        rows = tuple(row for row, own in hashes if own in choosing)
        if rows:
            text = (
                f"{plural(len(rows), 'question')} of {name} also in dev, which "
                "selected the best step"
            )
            findings.append(Finding("chosen by", "warning", text, rows))
    return findings


def _check(recipe: Recipe, exams: Mapping[str, Exam]) -> Checked:
    graded = {name: exam for name, exam in exams.items() if name != "train"}
    return check_training_exam(
        exams["train"], graded, drop_leaks=recipe.drop_leaks, seed=recipe.split_seed
    )


def _read(file: ExamFile, seed: int, known: Files) -> Exam:
    options = file.read_options(file.format)
    place = (file.file, repr(options))
    if place not in known:
        known[place] = read_exam_with(file.file, options)
    exam = known[place]
    drawn = file.select([question.metadata for question in exam], "questions", seed)
    return exam if drawn is None else exam.subset(drawn)


def _one_origin(recipe: Recipe, exams: dict[str, Exam]) -> EvidenceOrigin:
    origin = evidence_origin(recipe.evidence, exams["train"])
    for name, exam in exams.items():
        try:
            require_same_evidence(origin, evidence_origin(recipe.evidence, exam), recipe.family)
        except SettingsError as error:
            raise SettingsError(
                f"the evidence of exam '{name}' differs from that of the training "
                "questions: " + error.message.partition(": ")[2],
                file=exam.source or None,
                field="evidence",
                hint="Use exams that all have passages, or set `given: drop` in `evidence`",
            ) from None
    return origin


def _gather(
    plan: EvidencePlan, splits: Sequence[Mapping[str, Exam]], stages: Executor, folder: Path
) -> tuple[list[dict[str, Exam]], dict[str, str]]:
    """Find the evidence of all exams of all splits at once: one index, one search, one way."""
    places: dict[Any, int] = {}
    asked: list[Question] = []
    for number, exams in enumerate(splits):
        for name, exam in exams.items():
            for question in exam:
                # What is asked again, as of another split, is searched for once.
                if places.setdefault(_asked(question), len(asked)) == len(asked):
                    before = f"{number}:" if number else ""
                    asked.append(replace(question, id=f"{before}{name}/{question.id}"))
    everyone = Exam(tuple(asked), source="all exams of the recipe")
    answered, sources = gather_evidence(plan, everyone, stages, folder)
    found = [
        {
            name: exam.with_passages([answered[places[_asked(q)]].passages for q in exam])
            for name, exam in exams.items()
        }
        for exams in splits
    ]
    return found, sources


def _asked(question: Question) -> tuple[Any, ...]:
    """Return all of a question that its evidence depends on."""
    return question.prompt, question.options, question.passages


def _readers(recipe: Recipe) -> list[str]:
    """Return the family where it reads passages; a decoder may be told to read none."""
    settings = recipe.settings
    reads = not isinstance(settings, TrainingSettings) or settings.reads_passages
    return [recipe.family] if reads else []
