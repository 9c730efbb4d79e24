"""Settings of a ranker's members: those of its folder, and those that only the user may give.

A ranker's folder is untrusted. If it could name an endpoint and the environment variable of a key,
running its members would send questions and key there; a hub name would be downloaded with the
user's token. Such settings must therefore come from the user's plan, under `members`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError, SettingsError, nearest
from llmexam.lm.models.loading import is_local_model
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelReference, Reference
from llmexam.settings.walk import change_values
from llmexam.solvers.ranker.model import RANKER_FILE, MemberSpec, read_ranker_file
from llmexam.solvers.registry import solver_class, solver_entries


def read_members(
    folder: str | Path, given: Mapping[str, Mapping[str, Any]]
) -> tuple[MemberSpec, ...]:
    """Return the members of a ranker, with the user's settings overriding the folder's.

    Args:
        folder: The folder of the ranker.
        given: The user's settings by member.

    Raises:
        ModelError: The folder is damaged, or has settings that only the user may give; the
            error names the settings to add to the plan.
        SettingsError: There are settings for an unknown member.
    """
    specs = read_ranker_file(folder).members
    names = [spec.name for spec in specs]
    for name in given:
        if name not in names:
            raise SettingsError(
                f"the ranker has no member '{name}'", field="members", hint=nearest(name, names)
            )
    return tuple(_merge(spec, given.get(spec.name, {}), Path(folder)) for spec in specs)


def _merge(spec: MemberSpec, given: Mapping[str, Any], folder: Path) -> MemberSpec:
    recorded = {key: value for key, value in spec.settings.items() if key not in given}
    reserved = dict(_reserved(spec.solver, recorded, given))
    if reserved:
        said = ", ".join(f"{path}: {value!r}" for path, value in reserved.items())
        keys = dict.fromkeys(path.partition(".")[0] for path in reserved)
        asked = ", ".join(f"{key}: ..." for key in keys)
        raise ModelError(
            f"member '{spec.name}' (solver '{spec.solver}') needs settings that a "
            f"model folder may not set; the folder has {said}",
            file=folder / RANKER_FILE,
            field=f"members.{spec.name}",
            hint="Check these values, and copy those that you trust into your plan, in "
            f"the settings of the ranker: members: {{{spec.name}: {{{asked}}}}}",
        )
    return spec.model_copy(update={"settings": {**recorded, **given}})


def _reserved(
    solver: str, recorded: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key of each recorded setting that only the user may give."""
    kind = solver_class(solver).settings_class
    # Any setting of a plug-in might be an address.
    is_ours = solver_entries()[solver].origin == "llmexam"
    reserved = kind.user_only if is_ours else recorded.keys()
    try:
        alone = kind.parse(given or {}, subject=f"solver '{solver}'").model_dump(mode="json")
    except SettingsError:
        alone = {name: field.default for name, field in kind.model_fields.items()}
    for key, value in recorded.items():
        if key in reserved:
            # Settings that equal the user's, or the default, reveal nothing.
            if key not in alone or alone[key] != value:
                yield key, value
        else:
            for name in _downloads(kind, key, value):
                yield key, name
            yield from _of_solvers(key, value)


def _downloads(kind: type[Settings], key: str, value: Any) -> list[str]:
    """Return the models in a setting that are neither bundled nor local folders."""
    found = []

    def visit(text: str, reference: Reference) -> str:
        if isinstance(reference, ModelReference) and not is_local_model(text):
            found.append(text)
        return text

    change_values({key: value}, kind, visit)
    return found


def _of_solvers(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the reserved settings of solvers inside a setting, such as those of a cascade."""
    if isinstance(value, Mapping) and "solver" in value:
        settings = value.get("settings") or {}
        for inner, found in _reserved(str(value["solver"]), settings):
            yield f"{key}.settings.{inner}", found
    elif isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _of_solvers(f"{key}.{inner}", one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _of_solvers(f"{key}.{number}", one)
