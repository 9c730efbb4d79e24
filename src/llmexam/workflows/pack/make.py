"""Make a pack: packages, weights, indexes and the plan, tried before it is put in place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import RunError
from llmexam.machine import exchange_paths
from llmexam.packing.agreement import compare_runs
from llmexam.packing.copying import Copier, require_files
from llmexam.packing.freeze import Image, read_freeze
from llmexam.packing.image_view import Installed, installed_packages, known_needs
from llmexam.packing.kaggle import (
    KaggleNames,
    dataset_metadata,
    kaggle_names,
    kernel_metadata,
    limit_warnings,
)
from llmexam.packing.machine_folder import scripts
from llmexam.packing.network import describe_isolation
from llmexam.packing.notebook import NotebookPlan, write_notebook
from llmexam.packing.parts import (
    NOT_LISTED,
    PACK_FILE,
    Part,
    check_pack,
    list_files,
    write_list,
)
from llmexam.packing.pip_process import Sources
from llmexam.packing.requirements import needs_of
from llmexam.packing.secret_texts import refuse_secrets
from llmexam.packing.target import Target, choose_target
from llmexam.packing.trial import Trial, TrialSettings
from llmexam.stages.stage import Announce
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.hashing import hash_json
from llmexam.storage.locking import lock_folder
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.pack.plan import (
    hidden_changes,
    refuse_network,
    sample_changes,
    with_indexes,
    with_members,
)
from llmexam.workflows.pack.sample import run_here, write_sample
from llmexam.workflows.pack.settings import PackResult, PackSettings, TrialReport
from llmexam.workflows.pack.wheels import WHEELS, PackedWheels, pack_wheels
from llmexam.workflows.run.plan import read_plan

_NOTEBOOK = "notebook.ipynb"
_KERNEL_METADATA = "kernel-metadata.json"
_KERNEL_FILES = (_NOTEBOOK, _KERNEL_METADATA)
_DATASET, _KERNEL = "dataset", "kernel"
_PLAN_HEAD = "# The plan of a pack; its paths start at this folder.\n"


@dataclass(frozen=True)
class _Job:
    """What one run of the command works on.

    Attributes:
        plan: The plan, with the paths of this machine.
        settings: The settings.
        target: The machine that the pack is for.
        image: The packages that it has.
        names: Names on Kaggle.
        work: Folder of everything that is not finished.
        announce: Called with the name of each step.
    """

    plan: RunPlan
    settings: PackSettings
    target: Target
    image: Image
    names: KaggleNames
    work: Path
    announce: Announce

    @property
    def whole(self) -> Path:
        """The folder that becomes the output."""
        return self.work / "pack"

    @property
    def pack(self) -> Path:
        """The folder of the pack itself: on Kaggle, the notebook is in another one."""
        return self.whole / _DATASET if self.settings.kaggle else self.whole


def make_pack(
    plan: str | Path,
    out: str | Path,
    settings: PackSettings = PackSettings(),  # noqa: B008 - frozen
    *,
    changes: Mapping[str, Any] | None = None,
    announce: Announce = lambda name, n_done, n_all: None,
) -> PackResult:
    """Make a folder that installs and runs a plan on a machine without a network.

    The folder appears when it is whole, and after its trial. What an interrupted run has
    downloaded and copied is used by the next one, if its checksum is right.

    Args:
        plan: The plan's YAML file, or `demo` or `recovery-demo`.
        out: Output folder; an earlier pack in it is replaced.
        settings: What the pack is for, and how it is tried.
        changes: Keys of the plan to change, nested.
        announce: Called with the name of each step.

    Returns:
        The pack. If the trial found other scores, it is not put in place; see `trial.passed`.

    Raises:
        SettingsError: The plan cannot run without a network, or its packages cannot be resolved.
        RunError: The output folder holds something else, or the trial failed.
        LlmExamError: Whatever is wrong with the plan, its models or its indexes.
    """
    target_folder = Path(out)
    _require_pack_folder(target_folder)
    checked = read_plan(plan, changes)
    refuse_network(checked, hidden_exam=bool(settings.competition))
    require_files(checked)
    image = read_freeze(settings.freeze) if settings.freeze is not None else Image()
    target = choose_target(
        settings.python, settings.platform, frozen=image.python, is_kaggle=settings.kaggle
    )
    names = kaggle_names(settings.name or Path(plan).stem, settings.owner)
    work = target_folder.absolute().with_name(f".{target_folder.absolute().name}.packing")
    with lock_folder(work):
        shutil.rmtree(work / "trial", ignore_errors=True)
        job = _Job(checked, settings, target, image, names, work, announce)
        _drop_other_kind(job)
        version, packages = installed_packages(settings.image_python or sys.executable)
        # Before hours of work: the interpreter of the trial may have another version.
        trial = _prepare_trial(job, version, packages) if settings.tries else None
        result = _make(job, target_folder, trial, known_needs(image, packages))
        if result.trial is None or result.trial.passed:
            _put_in_place(job.whole, target_folder)
    if result.trial is None or result.trial.passed:
        shutil.rmtree(work, ignore_errors=True)
    return result


def _prepare_trial(job: _Job, version: str, packages: Mapping[str, Installed]) -> Trial:
    settings = job.settings
    return Trial(
        TrialSettings(
            python=settings.image_python or sys.executable,
            n_items=settings.n_items,
            memory_bytes=settings.memory_bytes,
            tolerance=settings.tolerance,
        ),
        job.target,
        job.image,
        job.work / "trial",
        version,
        packages,
    )


def _make(
    job: _Job, out: Path, trial: Trial | None, image_needs: Mapping[str, Sequence[str]]
) -> PackResult:
    plan = with_members(with_indexes(job.plan, job.work, job.announce))
    wheels = pack_wheels(
        needs_of(plan, more=job.settings.extras),
        job.pack,
        target=job.target,
        image=job.image,
        image_needs=image_needs,
        sources=Sources(job.settings.find_links, job.settings.no_index),
        work=job.work,
        earlier=(out / WHEELS, out / _DATASET / WHEELS),
        announce=job.announce,
    )
    job.announce("copy models, indexes and files", 0, None)
    copier = Copier(job.pack)
    packed = copier.place_all(plan)
    write_text(job.pack / "plan.yaml", _as_yaml(packed))
    parts = (*wheels.parts, *copier.parts)
    notebook = _write_target_files(job, parts)
    _drop_unlisted(job, parts)
    refuse_secrets(job.whole)
    facts = {
        "id": notebook.pack_id,
        "python": job.target.minor,
        "platform": job.target.platform,
        "task": job.plan.task,
    }
    write_list(job.pack, parts, facts)
    report = _try(job, trial, notebook, parts) if trial is not None else None
    return _result(job, out, parts, wheels, report)


def _write_target_files(job: _Job, parts: Sequence[Part]) -> NotebookPlan:
    settings = job.settings
    title = job.plan.title or job.names.dataset_title
    notebook = NotebookPlan(
        title=title,
        pack_id=hash_json(list_files(job.pack))[:32],
        competition=settings.competition,
        test_file=settings.test_file,
        time_limit=settings.time_limit,
        changes=hidden_changes(job.plan),
    )
    if not settings.kaggle:
        has_image = settings.freeze is not None
        for name, text in scripts(job.target, title, has_image=has_image).items():
            write_text(job.pack / name, text)
        return notebook
    write_json(job.pack / "dataset-metadata.json", dataset_metadata(job.names, parts))
    kernel = job.whole / _KERNEL
    write_json(kernel / _NOTEBOOK, write_notebook(notebook))
    write_json(
        kernel / _KERNEL_METADATA,
        kernel_metadata(job.names, _NOTEBOOK, competition=settings.competition, gpu=settings.gpu),
    )
    return notebook


def _drop_other_kind(job: _Job) -> None:
    """Delete what an interrupted run left that made a pack of the other kind."""
    of_kaggle = {_DATASET, _KERNEL}
    for path in job.whole.iterdir() if job.whole.is_dir() else ():
        if (path.name in of_kaggle) != job.settings.kaggle:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _drop_unlisted(job: _Job, parts: Sequence[Part]) -> None:
    """Delete parts that an interrupted run of another plan left."""
    kept = {part.place for part in parts}
    for kind in ("weights", "indexes", "caches", "files"):
        for path in (job.pack / kind).glob("*"):
            if path.relative_to(job.pack).as_posix() in kept:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _try(job: _Job, trial: Trial, notebook: NotebookPlan, parts: Sequence[Part]) -> TrialReport:
    settings, work = job.settings, job.work / "trial"
    job.announce("run a sample here", 0, None)
    sample, n_items = write_sample(job.plan, work, settings.n_items)
    changes = {**hidden_changes(job.plan), **sample_changes(job.plan)}
    here = run_here(job.plan, sample, changes, work / "here", job.announce)
    job.announce("install and run the pack without a network", 0, None)
    own = {part.name for part in parts if part.kind == "wheels"}
    if settings.kaggle:
        tried = trial.run_notebook(job.pack, replace(notebook, changes=changes), sample, own)
    else:
        as_yaml = {key: yaml.safe_dump(value).strip() for key, value in changes.items()}
        tried = trial.run_scripts(job.pack, sample, own, as_yaml)
    agreements = compare_runs(here, tried.run, task_of(job.plan.task).folders[0])
    same = (here / "submission.csv").read_bytes() == tried.submission.read_bytes()
    close = all(one.largest_difference <= settings.tolerance for one in agreements)
    return TrialReport(
        passed=same and close,
        isolation=describe_isolation(tried.isolation),
        python=settings.image_python or "this interpreter",
        n_items=n_items,
        agreements=tuple(agreements),
        tolerance=settings.tolerance,
        same_submission=same,
        install_seconds=tried.install_seconds,
        run_seconds=tried.run_seconds,
        peak_bytes=tried.peak_bytes,
        memory_bytes=settings.memory_bytes,
        others=tried.view.others,
        missing=tried.view.missing,
    )


def _result(
    job: _Job, out: Path, parts: Sequence[Part], wheels: PackedWheels, report: TrialReport | None
) -> PackResult:
    settings = job.settings
    limits = {"memory_bytes": settings.memory_bytes} if settings.memory_bytes else {}
    warnings = limit_warnings(parts, **limits)
    replaced = [part for part in parts if part.replaces]
    if replaced:
        shown = ", ".join(f"{one.name} {one.replaces} by {one.version}" for one in replaced)
        warnings.append(
            f"packages of the image are replaced: {shown}; others of the image may need the old "
            "version"
        )
    if settings.freeze is None and settings.kaggle:
        warnings.append(
            "without --freeze, all packages are packed, also those that Kaggle's image has"
        )
    steps: tuple[str, ...] = (f"sh {out}/install.sh", f"sh {out}/run.sh --out {out}-result")
    if settings.kaggle:
        steps = (
            f"kaggle datasets create -p {out}/{_DATASET} --dir-mode zip",
            f"kaggle kernels push -p {out}/{_KERNEL}",
        )
    return PackResult(
        folder=out,
        python=job.target.python,
        platform=job.target.platform,
        told_by=job.target.told_by,
        n_image=len(job.image.names),
        parts=tuple(parts),
        built=wheels.built,
        n_reused=wheels.n_reused,
        warnings=tuple(warnings),
        trial=report,
        next_steps=steps,
    )


def _as_yaml(plan: RunPlan) -> str:
    values = plan.model_dump(mode="json")
    return _PLAN_HEAD + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _require_pack_folder(out: Path) -> None:
    """Check that the output folder is new, empty, or an earlier pack."""
    if out.exists() and not out.is_dir():
        raise RunError("expected a folder, got a file", file=out, hint="Choose another folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    is_kaggle = (out / _DATASET / PACK_FILE).is_file()
    if not is_kaggle and not (out / PACK_FILE).is_file():
        raise RunError(
            "the folder contains files that do not belong to a pack",
            file=out,
            hint="Choose an empty or a new folder",
        )
    # What others wrote into the pack, such as results, would be deleted with it.
    pack = out / _DATASET if is_kaggle else out
    found = [name for name in check_pack(pack, contents=False) if name.endswith(NOT_LISTED)]
    more = [name.removesuffix(f": {NOT_LISTED}") for name in found]
    if is_kaggle:
        kernel = {f"{_KERNEL}/{name}" for name in _KERNEL_FILES}
        more += [
            name
            for path in sorted(out.rglob("*"))
            if path.is_file() and not path.is_relative_to(pack)
            if (name := path.relative_to(out).as_posix()) not in kernel
        ]
    if more:
        rest = f" and {len(more) - 1} more" if len(more) > 1 else ""
        raise RunError(
            f"the folder contains '{more[0]}'{rest}, which the earlier pack in it does not list",
            file=out,
            hint="Move results and other files of your own out of the folder, or choose another "
            "folder",
        )


def _put_in_place(made: Path, out: Path) -> None:
    """Put a whole pack into the place of an earlier one, in one step where the system can."""
    # Results may have been written into the earlier pack in the meantime.
    _require_pack_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and not exchange_paths(made, out):
        shutil.rmtree(out)
    if made.exists() and not out.exists():
        made.replace(out)
