"""Selection of items of an exam by their metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.errors import ExamError

_N_NAMED = 12


def matching_rows(
    metadata: Sequence[Mapping[str, str]],
    where: Mapping[str, Sequence[str]],
    *,
    file: str,
) -> list[int] | None:
    """Return the indices of the items whose metadata have the given values; None for all.

    Args:
        metadata: Metadata of each item.
        where: Accepted values by field; an item must match all fields.
        file: File of the items, for errors.

    Raises:
        ExamError: No item has one of the values, or no item matches all fields.
    """
    if not where:
        return None
    for name, values in where.items():
        found = dict.fromkeys(fields[name] for fields in metadata if name in fields)
        unknown = [value for value in values if value not in found]
        if unknown or not values:
            known = list(found) or sorted({one for fields in metadata for one in fields})
            what = "its values are" if found else "the fields are"
            listed = ", ".join(f"'{one}'" for one in known[:_N_NAMED]) or "(none)"
            more = f" and {len(known) - _N_NAMED} more" if len(known) > _N_NAMED else ""
            raise ExamError(
                f"expected items with {name} '{unknown[0] if unknown else ''}', got none",
                file=file,
                field=f"where.{name}",
                hint=f"In this file {what} {listed}{more}",
            )
    rows = [
        row
        for row, fields in enumerate(metadata)
        if all(fields.get(name) in values for name, values in where.items())
    ]
    if not rows:
        raise ExamError(
            "no item has all the values at once",
            file=file,
            field="where",
            hint="Remove one of the fields",
        )
    return rows
