"""The stage in which a recoverer answers, fold by fold where the plan has folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, ScoreError
from llmexam.recovery.groups import column_folds, grouped_folds, prompt_groups
from llmexam.recovery.parts import read_part, recover_in_parts
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery
from llmexam.recovery.recoverers.sharded import recover_in_shards, why_not_in_shards
from llmexam.recovery.rewrites import RewriteExam, join
from llmexam.recovery.run_answers import read_written, write_answers
from llmexam.recovery.wording import is_blank, readable
from llmexam.solvers.spec import SolverSpec
from llmexam.stages.stage import Keyed, Stage, StageContext
from llmexam.tasks.prompt_recovery.plan import FoldsPlan
from llmexam.tasks.text import solver_key

Ints = NDArray[np.int64]
Run = Callable[[Recoverer, RewriteExam, Progress], Sequence[Recovery]]


@dataclass(frozen=True)
class Training:
    """What recoverers are fitted on.

    Attributes:
        rows: Rows of other files; None without any.
        folds: The fold of each row of the exam, shape `[n_rows]`; None if the exam is no part of
            what is fitted on.
        keeps_apart: Whether rows of other files whose prompts are near-equal to one of the fold
            are left out, as folds by prompt promise.
    """

    rows: RewriteExam | None = None
    folds: Ints | None = None
    keeps_apart: bool = False

    def of_fold(self, items: RewriteExam, fold: int) -> RewriteExam:
        """Return the rows that the recoverer of a fold is fitted on."""
        assert self.folds is not None
        others = items.subset(np.flatnonzero(self.folds != fold).tolist())
        if self.rows is None:
            return others
        if not self.keeps_apart:
            return join([self.rows, others])
        groups = prompt_groups([*items.prompts, *self.rows.prompts])
        held_out = groups[: len(items)][self.folds == fold]
        apart = np.flatnonzero(~np.isin(groups[len(items) :], held_out))
        return join([self.rows.subset(apart.tolist()), others])


def folds_of(items: RewriteExam, plan: FoldsPlan) -> Ints:
    """Return the fold of each row.

    Raises:
        ExamError: There are too few groups of prompts, or no such column.
    """
    if plan.by == "prompt":
        return grouped_folds(prompt_groups(items.prompts), plan.n, seed=plan.seed)
    folds = column_folds(items, plan.by)
    if not folds.any():
        raise ExamError(
            f"expected a column '{plan.by}' with at least 2 values to make folds by",
            file=items.source,
            field="folds.by",
            hint="Name a column of the exam, or use `by: prompt`",
        )
    return folds


def answer_stage(
    planned: SolverSpec, items: RewriteExam, training: Training, file: str
) -> Stage[tuple[tuple[Recovery, ...], str]]:
    """Return the stage in which a recoverer answers; its result is the recoveries and the usage.

    Args:
        planned: The recoverer.
        items: The rows; recoverers see their prompts only in rows of other folds.
        training: What it is fitted on.
        file: Where its answers are kept, relative to the run folder.
    """
    kind = planned.class_of(planned.solver)
    recoverer = kind(planned.settings)
    key = solver_key(planned, recoverer.weights_hash)
    fitted = kind.is_fitted
    learned = training.rows.training_hash if fitted and training.rows is not None else None
    folds = training.folds.tolist() if fitted and training.folds is not None else None
    apart = training.keeps_apart and learned is not None and folds is not None
    # Prompts are part of the key only where something is learned from them.
    rows = items.training_hash if folds is not None else [items.ids, items.pairs_hash]
    return Stage(
        name=f"recover with {planned.name}",
        function=_answer,
        load=_load,
        inputs={
            "items": Keyed(items, rows),
            "training": Keyed(training, [learned, folds, apart]),
            "make": Keyed(lambda: kind(planned.settings), key),
            "name": Keyed(planned.solver, None),
            "file": Keyed(file, None),
        },
        outputs=[file],
        code=sorted({kind.__module__, *(type(one).__module__ for one in recoverer.members)}),
    )


def recover(
    make: Callable[[], Recoverer],
    items: RewriteExam,
    training: Training,
    progress: Progress,
    parts: Path | None = None,
    *,
    run: Run | None = None,
) -> tuple[list[Recovery], Recoverer]:
    """Return a recovery for each row, and the recoverer that made them.

    Args:
        make: Makes a recoverer that has learned nothing.
        items: The rows.
        training: What it is fitted on; with folds, each row is recovered by one that has not
            seen its fold.
        progress: Called with how many rows are done, and how many there are.
        parts: Folder that keeps finished parts, which a later call uses; None for none.
        run: Lets a recoverer that learns nothing work, such as in shards; by default here.

    Raises:
        ScoreError: It gave no prompt for a row.
    """
    recoverer = make()
    if recoverer.is_fitted and training.folds is not None:
        found: Sequence[Recovery] = _recover_by_fold(recoverer, items, training, progress, parts)
    else:
        if recoverer.is_fitted and training.rows is not None:
            recoverer.fit(training.rows)
        asked = items.without_prompts()
        if parts is None:
            found = (run or _run_here)(recoverer, asked, progress)
        else:
            found = recover_in_parts(recoverer, asked, parts, progress)
    _require_prompts(items, found, type(recoverer).__name__)
    return [replace(one, text=readable(one.text)) for one in found], recoverer


def _recover_by_fold(
    recoverer: Recoverer,
    items: RewriteExam,
    training: Training,
    progress: Progress,
    parts: Path | None,
) -> list[Recovery]:
    assert training.folds is not None
    unlabelled = items.without_prompts()
    found: dict[int, Recovery] = {}
    for fold in range(int(training.folds.max()) + 1):
        rows = np.flatnonzero(training.folds == fold).tolist()
        path = None if parts is None else parts / f"fold-{fold}.json"
        own = read_part(path) if path is not None else ()
        if len(own) != len(rows):
            # The same one, so that its usage and its budget are those of all folds.
            recoverer.fit(training.of_fold(items, fold))
            own = recoverer.recover(unlabelled.subset(rows))
            if path is not None:
                write_answers(path, [items.ids[row] for row in rows], own)
        found.update(zip(rows, own, strict=True))
        progress(len(found), len(items))
    return [found[row] for row in range(len(items))]


def _require_prompts(items: RewriteExam, found: Sequence[Recovery], name: str) -> None:
    if len(found) != len(items):
        raise ScoreError(f"expected {len(items)} prompts from {name}, got {len(found)}")
    for row, recovery in zip(items, found, strict=True):
        if is_blank(recovery.text):
            raise ScoreError(
                f"expected a prompt from {name} for the row with id '{row.id}', got a blank one"
            )


def _answer(
    context: StageContext,
    *,
    items: RewriteExam,
    training: Training,
    make: Callable[[], Recoverer],
    name: str,
    file: str,
) -> tuple[tuple[Recovery, ...], str]:
    run = partial(_run_on_cluster, context, name)
    found, recoverer = recover(make, items, training, context.advance, context.parts, run=run)
    usage = str(recoverer.used())
    folds = None if training.folds is None else training.folds.tolist()
    write_answers(context.folder / file, items.ids, found, usage=usage, folds=folds)
    return tuple(found), usage


def _run_here(recoverer: Recoverer, items: RewriteExam, progress: Progress) -> Sequence[Recovery]:
    return recoverer.recover(items, progress)


def _run_on_cluster(
    context: StageContext,
    name: str,
    recoverer: Recoverer,
    items: RewriteExam,
    progress: Progress,
) -> Sequence[Recovery]:
    """Let a recoverer work in shards, if the run has a cluster and the recoverer allows it."""
    if context.cluster is None:
        return _run_here(recoverer, items, progress)
    reason = why_not_in_shards(recoverer)
    if reason:
        context.cluster.tell(f"{name} runs in this process: {reason}")
        return _run_here(recoverer, items, progress)
    folder = context.folder / context.shards
    return recover_in_shards(items, name, recoverer, context.cluster, folder, progress)


def _load(
    context: StageContext, *, file: str, **inputs: object
) -> tuple[tuple[Recovery, ...], str]:
    return read_written(context.folder / file)
