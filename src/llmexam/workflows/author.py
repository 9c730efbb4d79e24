"""Write questions from a corpus: drafts, checks, and the finished set with its account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from llmexam.authoring.checks.protocol import ItemCheck
from llmexam.authoring.checks.settings import ITEM_CHECKS, SET_CHECKS, build_checks
from llmexam.authoring.drafting import (
    SHARD_PASSAGES,
    Drafting,
    Progress,
    draft_shards,
    store_shards,
)
from llmexam.authoring.drafts import DraftFolder, Shard
from llmexam.authoring.finishing import Finished, Goal, finish
from llmexam.authoring.generators.building import build_generator
from llmexam.authoring.generators.protocol import Forecaster, Generator
from llmexam.authoring.item import AuthoredItem, Source
from llmexam.authoring.records import to_question
from llmexam.authoring.sampling import sample_sources
from llmexam.authoring.settings import AuthoringSettings
from llmexam.authoring.sharded import require_shards, shards_from_cluster
from llmexam.authoring.sources import read_sources
from llmexam.authoring.summary import AuthoringSummary
from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_rows
from llmexam.exam.writers import write_exam
from llmexam.lm.models.loading import identify_model
from llmexam.sample import exam_path
from llmexam.settings.walk import key_values, resolve_references
from llmexam.settings.yaml_file import merge_changes, read_yaml_file
from llmexam.solvers.registry import solver_class
from llmexam.solvers.spec import SolverSpec
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards
from llmexam.storage.atomic import require_writable, write_json
from llmexam.storage.hashing import hash_json
from llmexam.storage.locking import lock_folder

if TYPE_CHECKING:
    from llmexam.generation.writer import WritingForecast

_CODE = (
    "llmexam.authoring.drafting",
    "llmexam.authoring.generators.building",
    "llmexam.authoring.sampling",
)


@dataclass(frozen=True, slots=True)
class AuthoringForecast:
    """What writing would take.

    Attributes:
        n_passages: Number of passages.
        n_clusters: Number of articles.
        writing: Requests and tokens of the language model; None without one.
    """

    n_passages: int
    n_clusters: int
    writing: WritingForecast | None

    def __str__(self) -> str:
        """Return the forecast as text."""
        lines = [f"{self.n_passages:,} passages of {self.n_clusters:,} articles"]
        lines.append(str(self.writing) if self.writing else "no language model, no cost")
        return "\n".join(lines)


def read_settings(file: Path | None, *changes: Mapping[str, Any]) -> AuthoringSettings:
    """Return the settings of a file with changes of the command line.

    Args:
        file: YAML file of settings; None for the defaults.
        changes: Nested keys and values, in the order in which they are applied. Relative paths
            are relative to the folder of the file, and without one to the working directory.

    Raises:
        SettingsError: The file cannot be read, or a setting is wrong.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = read_yaml_file(file, kind="settings", keys="corpus and checks")
    for change in changes:
        values = merge_changes(values, change, AuthoringSettings)
    settings = AuthoringSettings.parse(
        values, subject="author write", file=file, given_as="--set {key}={value}"
    )
    return resolve_references(settings, Path.cwd() if file is None else file.absolute().parent)


def check_output(out: Path) -> None:
    """Check the suffix of the file of questions.

    Raises:
        ExamError: It is not .jsonl.
    """
    if out.suffix != ".jsonl":
        raise ExamError(f"expected an output path that ends in .jsonl, got {out.name}", file=out)


def forecast_questions(settings: AuthoringSettings) -> AuthoringForecast:
    """Return what writing would take; no question is written, and no model is asked.

    Raises:
        LlmExamError: The corpus cannot be read, or a model cannot be found.
    """
    _check_exams(settings)
    generator, _ = build_generator(settings)
    clusters: set[str] = set()
    n_passages = 0

    def counted() -> Iterator[Source]:
        nonlocal n_passages
        for source in _sources(settings):
            clusters.add(source.cluster)
            n_passages += 1
            yield source

    if not isinstance(generator, Forecaster):
        for _ in counted():
            pass
        return AuthoringForecast(n_passages, len(clusters), None)
    generator.prepare(_corpus(settings))
    writing = generator.forecast(counted(), settings.request)
    return AuthoringForecast(n_passages, len(clusters), writing)


def write_questions(
    settings: AuthoringSettings,
    out: Path,
    *,
    overwrite: bool = False,
    keep_rejected: bool = False,
    progress: Progress | None = None,
    cluster: Cluster | None = None,
) -> AuthoringSummary:
    """Write questions to a file, their account to `OUT.report.json`, and return the account.

    Drafts are stored in the folder `OUT.drafts`, so an interrupted run resumes there.

    Args:
        settings: Corpus, generator and checks.
        out: The file of questions (.jsonl).
        overwrite: Delete drafts of other settings.
        keep_rejected: Also write the rejected questions, with reasons, to `OUT.rejected.jsonl`.
        progress: Called with the number of finished passages.
        cluster: What writes shards of drafts; the questions are those without it. The account
            has no usage of a language model, which the workers run.

    Raises:
        ExamError: The name of the output is wrong, or not a single question is left.
        RunError: The folder of drafts is in use, or has drafts of other settings.
        LlmExamError: The corpus cannot be read, or a model or an exam cannot be found.
    """
    check_output(out)
    require_writable(out)
    if cluster is not None:
        require_shards(settings)
    _check_exams(settings)
    checks = build_checks(settings.checks)
    generator, writer = build_generator(settings)
    key = _key(settings, generator.version)
    with lock_folder(beside(out, ".drafts")) as place:
        folder = DraftFolder(place, key, overwrite=overwrite)
        if cluster is None:
            generator.prepare(_corpus(settings))
        names = [check.name for check in checks.of_items if check.rejects]

        def finish_shards(n: int) -> Finished:
            shards = (folder.read(number) for number in range(n))
            return finish(shards, names, checks.of_set, settings.n_questions)

        goal = None if settings.n_questions is None else Goal(settings.n_questions, finish_shards)
        n_shards = store_shards(
            _drafted(settings, generator, checks.of_items, folder, key, cluster, place),
            folder,
            is_enough=goal.is_reached if goal else None,
            progress=progress,
        )
        found = (goal.found if goal else None) or finish_shards(n_shards)
        summary = AuthoringSummary(
            found,
            settings.n_questions,
            n_shards,
            key,
            settings.model_dump(mode="json", exclude={"endpoint": {"api_key_env"}}),
            writer.used() if writer is not None and cluster is None else "",
            settings.n_sampled,
        )
        delete_shards(place / "shards")
        if keep_rejected:
            _write_rejected(beside(out, ".rejected.jsonl"), folder, n_shards, found.removed)
    write_json(beside(out, ".report.json"), summary.as_dict())
    if not found.items:
        raise ExamError(
            f"no question is left of {found.n_drafts:,} from {found.n_passages:,} passages",
            file=out,
            hint=f"{beside(out, '.report.json').name} counts the reasons",
        )
    write_exam(out, Exam(tuple(to_question(item) for item in found.items)), format="jsonl")
    return summary


def _drafted(
    settings: AuthoringSettings,
    generator: Generator,
    checks: Sequence[ItemCheck],
    folder: DraftFolder,
    key: str,
    cluster: Cluster | None,
    place: Path,
) -> Iterator[Shard]:
    """Yield the shards of drafts in order."""
    sources = _sources(settings)
    if cluster is not None:
        return shards_from_cluster(sources, settings, key, folder, cluster, place / "shards")
    drafting = Drafting(generator, settings.request, checks, settings.n_processes)
    return draft_shards(sources, drafting, folder)


def beside(out: Path, suffix: str) -> Path:
    """Return the path of a file or folder that belongs to an output."""
    return out.with_name(out.name + suffix)


def _check_exams(settings: AuthoringSettings) -> None:
    """Read the exams of the checks now, so that a mistake does not show after the work."""
    overlap = settings.checks.overlap
    for path in overlap.against if overlap is not None else ():
        read_rows(exam_path(path))


def _corpus(settings: AuthoringSettings) -> Iterator[Source]:
    return read_sources(settings.corpus, settings.cluster_by)


def _sources(settings: AuthoringSettings) -> Iterator[Source]:
    """Yield the passages to write from, in order."""
    stream = _corpus(settings)
    if settings.n_sampled is not None:
        yield from sample_sources(stream, settings.n_sampled, settings.seed)
    else:
        yield from stream


def _key(settings: AuthoringSettings, generator_version: str) -> str:
    """Return a hash of all that a shard of drafts depends on."""
    values: dict[str, Any] = key_values(settings, identify_model)
    # A larger sample starts with the passages of a smaller one, so their shards are the same.
    del values["n_questions"], values["n_passages"]
    # The checks of the whole set run after the drafts; changing them keeps the drafts.
    values["checks"] = {k: v for k, v in values["checks"].items() if k not in SET_CHECKS}
    checks = [getattr(settings.checks, name) for name in ITEM_CHECKS]
    modules = {solver_class(spec.solver).__module__ for spec in _solvers_in(checks)}
    return hash_json(
        [
            values,
            settings.n_sampled is None,
            generator_version,
            SHARD_PASSAGES,
            # Solvers are imported by their names, so that no import leads to them.
            code_hash(*_CODE, *sorted(modules)),
        ]
    )


def _solvers_in(value: object) -> Iterator[SolverSpec]:
    """Yield the solvers in settings, and those that solvers consist of."""
    if isinstance(value, SolverSpec):
        yield value
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for one in value:
            yield from _solvers_in(one)


def _write_rejected(
    path: Path,
    folder: DraftFolder,
    n_shards: int,
    removed: tuple[tuple[AuthoredItem, str, str], ...],
) -> None:
    drafts = [draft for number in range(n_shards) for draft in folder.read(number).drafts]
    rejected = [(one.item, one.rejections) for one in drafts if one.rejections]
    rejected += [(item, {name: text}) for item, name, text in removed]
    questions = []
    for item, reasons in rejected:
        question = to_question(item)
        reason = "; ".join(f"{name}: {text}" for name, text in reasons.items())
        questions.append(replace(question, metadata={**question.metadata, "rejected": reason}))
    if questions:
        write_exam(path, Exam(tuple(questions)), format="jsonl")
    else:
        # Of an earlier run.
        path.unlink(missing_ok=True)
