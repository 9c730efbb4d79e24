"""Which plans and settings a server may use for whoever opens its page."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import SettingsError
from llmexam.lm.models.loading import is_local_model
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelReference, Reference
from llmexam.settings.walk import change_references
from llmexam.solvers.protocol import Solver

_NOT_HERE = "Choose a plan without it, or use the command line"


def check_references(settings: Settings, subject: str) -> None:
    """Check that settings name local models only: nothing is downloaded because of a page.

    Args:
        settings: Settings of a plan, with resolved paths.
        subject: What they belong to, for errors.

    Raises:
        SettingsError: A model is neither bundled nor a local folder.
    """

    def look(value: str, kind: Reference) -> str:
        if isinstance(kind, ModelReference) and value and not is_local_model(value):
            raise SettingsError(
                f"{subject} names the model '{value}', which is not a folder on this machine; "
                "models are not downloaded for a page",
                hint="Download the model, and name its folder in the plan",
            )
        return value

    change_references(settings, look)


def check_solver(name: str, solver: Solver) -> None:
    """Check that a solver of a plan costs nothing and asks no endpoint, and so its members.

    Raises:
        SettingsError: It does.
    """
    description = solver.describe()
    if description.costs_money or description.cost == "served":
        raise SettingsError(
            f"solver '{name}' sends requests to an endpoint, which is not allowed from a page",
            hint=_NOT_HERE,
        )
    for member, inner in description.members.items():
        check_solver(f"{name}/{member}", inner)


def run_folder_of(plan: Path) -> Path | None:
    """Return the folder of the run that a plan is of, or None if it is a plan by itself."""
    return plan.parent if (plan.parent / "run.json").is_file() else None
