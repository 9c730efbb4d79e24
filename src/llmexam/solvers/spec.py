"""A solver with its settings, as in plans and recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from llmexam.settings.base import Settings
from llmexam.solvers.registry import check_settings, solver_class


class SolverSpec(Settings):
    """A solver and its settings.

    In YAML a name, a mapping with `solver` and its settings, or a name with a mapping of them.
    """

    solver: str = Field(description="name of the solver in the registry")
    name: str = Field(description="name in scores and report; defaults to the name of the solver")
    settings: SerializeAsAny[Settings] = Field(description="settings of the solver")

    @classmethod
    def class_of(cls, solver: str) -> Any:
        """Return the class of a solver by its name; a task with other solvers overrides this.

        Raises:
            SettingsError: There is no solver of this name.
            MissingDependencyError: A package it needs is not installed.
        """
        return solver_class(solver)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"solver": value}
        elif isinstance(value, Mapping) and len(value) == 1 and "solver" not in value:
            # `- lexical: {reach: 3}`
            name, settings = next(iter(value.items()))
            value = {"solver": name, "settings": settings}
        if not isinstance(value, Mapping) or value.get("solver") is None:
            return value
        given = dict(value)
        solver = given.pop("solver")
        name = given.pop("name", solver)
        settings = given.pop("settings", None) or {}
        own = {key: given.pop(key) for key in _own_fields(cls) & given.keys()}
        if isinstance(settings, Mapping):
            twice = sorted(str(key) for key in given.keys() & settings.keys())
            if twice:
                raise ValueError(f"'{twice[0]}' is set both beside `settings` and inside it")
            settings = {**given, **settings}
            own |= {key: settings.pop(key) for key in _own_fields(cls) & settings.keys()}
        elif not isinstance(settings, Settings):
            raise ValueError(f"expected a mapping as settings of a solver, got {settings!r}")
        elif given:
            raise ValueError(
                f"'{next(iter(given))}' is set beside `settings`, which are already complete"
            )
        return {"solver": solver, "name": name, "settings": settings, **own}

    @field_validator("settings", mode="before")
    @classmethod
    def _parse_settings(cls, value: Any, info: ValidationInfo) -> Any:
        if "solver" not in info.data:
            # The error of the `solver` field explains the fault.
            return Settings()
        solver = info.data["solver"]
        return check_settings(solver, value, cls.class_of(solver).settings_class)


def _own_fields(cls: type[SolverSpec]) -> set[str]:
    return cls.model_fields.keys() - SolverSpec.model_fields.keys()
