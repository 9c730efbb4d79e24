"""Clusters of items that are not independent, such as questions about one source article."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, SettingsError, nearest
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question

AUTO = "auto"
NONE = "none"
PASSAGE = "passage"
CLUSTER_KEY = "cluster"
"""Metadata field that `auto` reads."""
CLUSTER_SUFFIXES = (".csv",)
"""Suffixes of files that map ids to clusters; other values of `cluster_by` are names."""
# Share of the items that need a value before `auto` uses the field.
_MOST = 0.5


@dataclass(frozen=True)
class Clusters:
    """Assignment of items to clusters.

    Attributes:
        by: Criterion of the clusters, such as the name of a metadata field.
        numbers: Number of each item's cluster, shape `[n_items]`.
    """

    by: str
    numbers: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of clusters."""
        return len(np.unique(self.numbers))


def cluster_exam(exam: Exam, cluster_by: str = AUTO) -> Clusters | None:
    """Return the clusters of the questions of an exam, or None if they are independent.

    Args:
        exam: The questions.
        cluster_by: `auto`: the metadata field `cluster`, if more than half of the questions have
            it; `none`; `passage`: title or id of the first passage given with the question;
            another metadata field; or a CSV file with the columns id and cluster. Questions
            without a value are clusters of their own.

    Raises:
        SettingsError: No question has the metadata field, or there is only one cluster.
        ExamError: The file cannot be read.
    """
    if cluster_by == PASSAGE:
        labels = [_source_of(question) for question in exam]
        if not any(labels):
            raise SettingsError(
                "no question has a passage of its own in the exam file",
                file=exam.source or None,
                field="cluster_by",
                hint="Retrieved passages define no clusters: use a metadata field or a CSV file",
            )
        return _required(labels, PASSAGE, exam.source)
    return cluster_items(
        exam.ids, [question.metadata for question in exam], cluster_by, source=exam.source
    )


def cluster_items(
    ids: Sequence[str],
    metadata: Sequence[Mapping[str, str]],
    cluster_by: str,
    *,
    source: str = "",
    default: Callable[[], Clusters | None] | None = None,
) -> Clusters | None:
    """Return the clusters of any items, or None if they are independent.

    Args:
        ids: Id of each item.
        metadata: Metadata of each item.
        cluster_by: As in `cluster_exam`, without `passage`.
        source: File of the items, for errors.
        default: What `auto` returns if the task has clusters of its own.

    Raises:
        SettingsError: No item has the metadata field, or there is only one cluster.
        ExamError: The file cannot be read.
    """
    if cluster_by == NONE:
        return None
    if cluster_by == AUTO:
        return default() if default is not None else _automatic(metadata)
    if cluster_by.endswith(CLUSTER_SUFFIXES):
        given = _read_clusters(Path(cluster_by))
        if not any(given.get(one) for one in ids):
            raise ExamError(
                f"no id of the {len(ids):,} items has a cluster in this file",
                file=cluster_by,
                field="id",
                hint="Give a file with the ids of the exam",
            )
        return _required([given.get(one, "") for one in ids], Path(cluster_by).name, source)
    labels = [fields.get(cluster_by, "").strip() for fields in metadata]
    if not any(labels):
        known = {name for fields in metadata for name in fields}
        raise SettingsError(
            f"no item has the metadata field '{cluster_by}'",
            file=source or None,
            field="cluster_by",
            hint=nearest(cluster_by, sorted({*known, PASSAGE, NONE, AUTO})),
        )
    return _required(labels, cluster_by, source)


def _automatic(metadata: Sequence[Mapping[str, str]]) -> Clusters | None:
    labels = [fields.get(CLUSTER_KEY, "").strip() for fields in metadata]
    if sum(map(bool, labels)) <= _MOST * len(labels):
        return None
    found = Clusters(CLUSTER_KEY, _number(labels))
    # One cluster leaves nothing to resample, and clusters of one item are independent items.
    return found if 1 < found.n < len(labels) else None


def _required(labels: Sequence[str], by: str, source: str) -> Clusters:
    found = Clusters(by, _number(labels))
    if found.n < 2:
        raise SettingsError(
            f"expected at least 2 clusters by '{by}', got {found.n}",
            file=source or None,
            field="cluster_by",
            hint="Use a field with more values, or `none`",
        )
    return found


def _number(labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each label in order of appearance; each blank label is its own."""
    numbers: dict[str | int, int] = {}
    keys = [label or place for place, label in enumerate(labels)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _source_of(question: Question) -> str:
    """Return the title, id or text of the first passage that was given, not retrieved."""
    given = next((one for one in question.passages if one.score is None), None)
    return "" if given is None else given.title or given.id or given.text


def _read_clusters(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns id and cluster."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = {"id", CLUSTER_KEY} - set(rows.fieldnames or ())
            if missing:
                raise ExamError(
                    f"expected the columns id and {CLUSTER_KEY}, got "
                    f"{', '.join(rows.fieldnames or ()) or 'none'}",
                    file=path,
                    hint=f"Add the column {sorted(missing)[0]}",
                )
            found: dict[str, str] = {}
            for number, row in enumerate(rows, 1):
                id_, cluster = row["id"] or "", (row[CLUSTER_KEY] or "").strip()
                if found.setdefault(id_, cluster) != cluster:
                    raise ExamError(
                        f"'{id_}' is in two clusters, '{found[id_]}' and '{cluster}'",
                        file=path,
                        row=number,
                        field=CLUSTER_KEY,
                        hint="Remove one of the two rows",
                    )
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExamError(
            f"cannot read the clusters: {getattr(error, 'strerror', None) or error}",
            file=path,
            hint="Give a CSV file in UTF-8 with the columns id and cluster",
        ) from None
