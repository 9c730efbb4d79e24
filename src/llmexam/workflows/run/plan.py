"""Read and validate plans of all tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.sample import BUNDLED
from llmexam.settings.walk import resolve_references
from llmexam.settings.yaml_file import merge_changes, read_yaml_file
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import DEFAULT_TASK, task_of

DEMO = {
    "title": "The bundled sample exam",
    "exam": BUNDLED,
    "evidence": {"corpus": [BUNDLED]},
    # In fp32, because `auto` is bf16 on some machines: the documented scores are those of all.
    "solvers": ["lexical", {"bi-encoder": {"precision": "fp32"}}],
    "evaluation": {"positions": True},
}
RECOVERY_DEMO = {
    "title": "The bundled sample of prompt recovery",
    "task": "prompt-recovery",
    "exam": BUNDLED,
    "folds": {"n": 5},
    "solvers": [
        {"regressor": {"bank": BUNDLED}},
        "nearest-neighbours",
        {"mean-prompt": {"n_steps": 4, "n_proposals": 400}},
        "constant",
        "copy",
    ],
    "evaluation": {"embedder": BUNDLED},
}
_DEMOS: Mapping[str, Mapping[str, Any]] = {"demo": DEMO, "recovery-demo": RECOVERY_DEMO}


def read_plan(path: str | Path, changes: Mapping[str, Any] | None = None) -> RunPlan:
    """Read and validate a plan; relative paths and model folders start at its folder.

    Args:
        path: A YAML file, or `demo` or `recovery-demo` for the plans over the bundled samples.
        changes: Keys to change, nested like the plan.

    Raises:
        SettingsError: The file cannot be read, or a key or value in it is wrong.
        MissingDependencyError: A solver in it needs a package that is not installed.
    """
    is_demo = str(path) in _DEMOS
    values = (
        _DEMOS[str(path)] if is_demo else read_yaml_file(path, kind="plan", keys="exam and solvers")
    )
    file = None if is_demo else path
    kind = _plan_class({**values, **(changes or {})}, file)
    merged = merge_changes(values, changes or {}, kind)
    return parse_plan(merged, base=Path.cwd() if is_demo else Path(path).parent, file=file)


def as_plan(
    plan: str | Path | Mapping[str, Any] | RunPlan, changes: Mapping[str, Any] | None = None
) -> RunPlan:
    """Return a plan from any of its forms.

    Args:
        plan: A plan, its YAML file, its keys and values, or the name of a demo.
        changes: Keys to change, nested; only where a file is given.

    Raises:
        SettingsError: A key or value is wrong.
        MissingDependencyError: A solver needs a package that is not installed.
    """
    if isinstance(plan, Mapping):
        return parse_plan(plan, base=Path.cwd(), file=None)
    return plan if isinstance(plan, RunPlan) else read_plan(plan, changes or {})


def parse_plan(values: Mapping[str, Any], *, base: Path, file: str | Path | None) -> RunPlan:
    """Validate a plan given as a mapping, and fill in all defaults.

    Args:
        values: The plan.
        base: The folder that relative paths start at.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: A key or value is wrong.
        MissingDependencyError: A solver needs a package that is not installed.
    """
    plan = _plan_class(values, file).parse(
        values, subject="the plan", file=file, given_as="{name}: {value}"
    )
    return resolve_references(plan.completed(), base)


def _plan_class(values: Mapping[str, Any], file: str | Path | None) -> type[RunPlan]:
    try:
        return task_of(str(values.get("task", DEFAULT_TASK))).plan_class
    except SettingsError as error:
        raise SettingsError(error.message, file=file, field=error.field, hint=error.hint) from None
