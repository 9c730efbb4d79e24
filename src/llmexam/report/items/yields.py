"""How many questions each filter rejected while a question set was written."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llmexam.errors import ExamError


class FilterYield(BaseModel):
    """What one filter rejected.

    Attributes:
        name: Name of the filter.
        rejected: Questions that it rejected.
        rejected_alone: Questions that no other filter would have rejected.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    rejected: int = Field(ge=0)
    rejected_alone: int | None = Field(None, ge=0)


class Yields(BaseModel):
    """Content of the file `QUESTIONS.report.json`, which is written with a question set.

    Attributes:
        generated: Questions that were generated.
        kept: Questions that all filters accepted.
        filters: Each filter, in the order in which they run.
        shortfall: From a reason to the number of questions that are missing because of it.
    """

    model_config = ConfigDict(frozen=True)

    generated: int = Field(ge=0)
    kept: int = Field(ge=0)
    filters: tuple[FilterYield, ...] = ()
    shortfall: dict[str, int | float | str] = Field(default_factory=dict)


def yields_path(exam: str | Path) -> Path | None:
    """Return the report file beside a question set, or None if there is none."""
    path = Path(exam)
    for name in (f"{path.name}.report.json", f"{path.stem}.report.json"):
        if path.with_name(name).is_file():
            return path.with_name(name)
    return None


def read_yields(exam: str | Path) -> Yields | None:
    """Return the yields of a question set, or None if no report lies beside it.

    Raises:
        ExamError: The report is not valid.
    """
    path = yields_path(exam)
    if path is None:
        return None
    try:
        return Yields.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ExamError(
            f"expected the report of a question set: {first['msg']}",
            file=path,
            field=".".join(map(str, first["loc"])) or None,
            hint="Write the questions again, or remove this file",
        ) from None
