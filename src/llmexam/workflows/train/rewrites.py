"""The rewrites of a recipe: read, split by groups of near-equal prompts, and checked."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.errors import ExamError, plural
from llmexam.exam.audit import Finding
from llmexam.exam.normalise import normalise
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.recovery.audit import audit_rewrites, find_shared
from llmexam.recovery.groups import grouped_split, prompt_groups
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import Rewrite, RewriteExam, join
from llmexam.stages.stage import Executor
from llmexam.tasks.prompt_recovery.plan import rewrites_path
from llmexam.workflows.train.exams import TrainingExams
from llmexam.workflows.train.recipe import ExamFile, Recipe


def prepare_rewrites(
    recipes: Sequence[Recipe], stages: Executor
) -> tuple[TrainingExams[RewriteExam], ...]:
    """Return the rows of recipes that differ in their split only.

    Args:
        recipes: The recipes.
        stages: The stages of the training.

    Raises:
        ExamError: A file cannot be read, a prompt is not known, or training rows are in dev.
    """
    read = stages.time("read the rewrites", lambda: [_read_parts(one) for one in recipes])
    return stages.time(
        "check the training rows",
        lambda: tuple(
            _checked(train, dev, drop_leaks=recipe.drop_leaks)
            for recipe, (train, dev) in zip(recipes, read, strict=True)
        ),
    )


def _read_parts(recipe: Recipe) -> tuple[RewriteExam, RewriteExam | None]:
    files = [_read(file, recipe.split_seed) for file in recipe.train]
    train = files[0] if len(files) == 1 else join(files)
    dev = None if recipe.dev is None else _read(recipe.dev, recipe.split_seed)
    if "dev" in recipe.shares:
        # Near-equal prompts stay in one part, or dev would measure what was learned by heart.
        groups = prompt_groups(train.prompts)
        parts = grouped_split(groups, recipe.shares, seed=recipe.split_seed)
        train, dev = (train.subset(parts[name].tolist()) for name in ("train", "dev"))
    return train, dev


def _read(file: ExamFile, seed: int) -> RewriteExam:
    path = rewrites_path(file.path)
    fields = {
        name: column if isinstance(column, str) else ",".join(column)
        for name, column in file.fields.items()
    }
    exam = read_rewrites(path, fields=fields, format=file.format)
    if not exam.is_labelled:
        raise ExamError(
            "expected rows with known prompts, got none",
            file=path,
            field="rewrite_prompt",
            hint="Add the column rewrite_prompt",
        )
    drawn = file.select([row.metadata for row in exam], "rows", seed)
    return exam if drawn is None else exam.subset(drawn)


def _checked(
    train: RewriteExam, dev: RewriteExam | None, *, drop_leaks: bool
) -> TrainingExams[RewriteExam]:
    """Return the rows to train on: each once, none of dev, with what a person should know."""
    findings = [one for one in audit_rewrites(train) if one.check != "repeated rows"]
    first: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(train):
        first.setdefault((*_pair(row), normalise(row.prompt or "")), number)
    if n_repeated := len(train) - len(first):
        text = f"skipped {plural(n_repeated, 'duplicate row')}"
        findings.append(Finding("repeated rows", "warning", text))
    kept = list(first.values())
    if dev is not None:
        pairs = {_pair(row) for row in dev}
        leaking = [number for number in kept if _pair(train[number]) in pairs]
        if leaking:
            findings.append(_leak(train, leaking, drop_leaks=drop_leaks))
        kept = [number for number in kept if _pair(train[number]) not in pairs]
    if not kept:
        raise ExamError("no training rows remain", file=train.source or None)
    clean = train.subset(kept)
    if dev is not None:
        findings += [
            Finding(one.check, one.severity, f"dev: {one.message}", one.rows)
            for one in find_shared(dev, clean)
        ]
    return TrainingExams(clean, dev, {}, EvidenceOrigin(source="none"), tuple(findings), {})


def _pair(row: Rewrite) -> tuple[str, str]:
    return normalise(row.original), normalise(row.rewritten)


def _leak(train: RewriteExam, leaking: Sequence[int], *, drop_leaks: bool) -> Finding:
    rows = tuple(number + 1 for number in leaking)
    if not drop_leaks:
        raise ExamError(
            f"{plural(len(rows), 'training row')} with both texts of a row of dev",
            file=train.source or None,
            row=rows[0],
            field="drop_leaks",
            hint="Set drop_leaks: true to train without them",
        )
    return Finding(
        "leakage", "warning", f"skipped {plural(len(rows), 'row')} with both texts of dev", rows
    )
