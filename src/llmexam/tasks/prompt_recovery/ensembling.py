"""Combine files of recovered prompts without a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from llmexam.ensemble.weights_file import load_weights
from llmexam.errors import SettingsError, SubmissionError
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.submission import read_recoveries, write_submission
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.storage.atomic import write_json
from llmexam.tasks.capabilities import CombineRequest, name_members
from llmexam.tasks.prompt_recovery.choosing import AgreementSettings, Method, Threshold
from llmexam.tasks.prompt_recovery.ensemble import PromptEnsemble, combine_prompts
from llmexam.tasks.prompt_recovery.predictions import load_rows

_FITTED_HERE = (
    "the weights were fitted on this exam, so the ensemble's scores are too optimistic; --fit "
    "gives out-of-fold scores"
)


class SavedAgreement(Settings):
    """Fitted weights with their embedder and provenance."""

    kind: Literal["llmexam prompt-recovery weights"] = Field(
        "llmexam prompt-recovery weights", description="kind of this file"
    )
    method: Method = Field("agreement", description="how the members are combined")
    weights: dict[str, Threshold] = Field(
        description="weight of each member, or its threshold in a gate", min_length=1
    )
    temperature: float | None = Field(0.0, ge=0, description="softmax temperature of candidates")
    trust: float = Field(0.0, ge=0, description="power of the members' confidence")
    embedder: ModelRef = Field(description="embedder that they were fitted with")
    exam_hash: str = Field(
        "", description="content hash of the exam that the weights were fitted on"
    )
    n_rows: int = Field(0, ge=0, description="number of rows of that exam")
    fold_weights: tuple[dict[str, Threshold], ...] = Field(
        (), description="weights fitted without each fold, which show how stable they are"
    )


def combine_files(request: CombineRequest) -> PromptEnsemble:
    """Combine submissions as the command line asks.

    Raises:
        SubmissionError: A member cannot be read, or is not of the same rows.
        ExamError: The exam cannot be read, or lacks prompts that fitting needs.
        SettingsError: An option is wrong.
    """
    if request.out is not None:
        raise SettingsError(
            "prompts have no score file", field="--out", hint="Give --submission instead"
        )
    if request.weights == "greedy":
        raise SettingsError(
            "weights of prompts are fitted on a grid",
            field="--greedy",
            hint="Give --fit instead",
        )
    settings, saved = _settings(request)
    if request.out_weights is not None and not settings.is_fitted:
        raise SettingsError(
            "there are no fitted weights to write",
            file=request.out_weights,
            hint="Fit weights on rows with known prompts (--fit, with --exam), or remove "
            "--out-weights",
        )
    exam = None if request.exam is None else load_rows(request.exam)
    ids, members = read_members(name_members(request.members), exam)
    found = combine_prompts(members, settings, ids=ids, exam=exam)
    if saved and exam is not None and saved == exam.content_hash:
        found = replace(found, warning=_FITTED_HERE)
    if request.out_weights is not None and exam is not None:
        written = SavedAgreement(
            method=settings.method,
            weights=found.weights,
            temperature=found.temperature,
            trust=found.trust,
            embedder=settings.embedder,
            exam_hash=exam.content_hash,
            n_rows=len(exam),
            fold_weights=found.fold_weights,
        )
        write_json(request.out_weights, written.model_dump(mode="json"))
    if request.submission is not None:
        write_submission(request.submission, found.ids, found.prompts)
    return found


def read_members(
    files: Mapping[str, Path], exam: RewriteExam | None
) -> tuple[tuple[str, ...], dict[str, list[Recovery]]]:
    """Return the ids of the rows, and the recoveries of each member in their order.

    Args:
        files: Submissions, or files of answers of a run, by the name of the member.
        exam: The rows; without it the first member says which rows there are.

    Raises:
        SubmissionError: A file cannot be read, or is not of the same rows.
    """
    read = {name: read_recoveries(path, exam) for name, path in files.items()}
    ids = tuple(next(iter(read.values())))
    for name, prompts in read.items():
        if set(prompts) != set(ids):
            other = next(iter(set(prompts) ^ set(ids)))
            raise SubmissionError(
                f"the ids differ from those of {next(iter(files.values()))}: '{other}' is in one "
                "of them only",
                file=files[name],
                field="id",
                hint="Combine submissions of one exam",
            )
    return ids, {name: [prompts[one] for one in ids] for name, prompts in read.items()}


def _settings(request: CombineRequest) -> tuple[AgreementSettings, str]:
    """Return the settings, and the hash of the exam that given weights were fitted on."""
    values = dict(request.options)
    if request.weights_file is None:
        if request.weights is not None:
            values["weights"] = request.weights
        return AgreementSettings.parse(values, subject="the ensemble of prompts"), ""
    saved = load_weights(request.weights_file, SavedAgreement)
    for name in ("method", "temperature", "trust"):
        if name in values:
            raise SettingsError(
                "the weights file says how prompts are combined",
                file=request.weights_file,
                field=name,
                hint=f"Leave out --{name}",
            )
    saved_values = saved.model_dump(include={"embedder", "method", "temperature", "trust"})
    values = {**saved_values, **values, "weights": saved.weights}
    return AgreementSettings.parse(values, subject="the ensemble of prompts"), saved.exam_hash
