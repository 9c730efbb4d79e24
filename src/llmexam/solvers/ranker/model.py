"""Model of a ranker: a conditional logit, gradient-boosted trees or both, stored as text files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import MissingDependencyError, ModelError, SettingsError
from llmexam.settings.base import Settings
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.trees_text import check_trees
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.hashing import hash_file

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = NDArray[np.float64]
Kind = Literal["logit", "trees", "blend"]

RANKER_FILE = "ranker.json"
TREES_FILE = "trees.txt"


class MemberSpec(Settings):
    """A member as recorded in a ranker's folder; its settings are checked when it is created."""

    solver: str = Field(description="name of the solver in the registry")
    name: str = Field(description="name of the member")
    settings: dict[str, Any] = Field({}, description="settings of the member")
    weights_hash: str = Field("", description="SHA-256 of the member's weights, if it has any")
    uses_features: bool = Field(False, description="whether the member's features are used")


class Logit(Settings):
    """A conditional logit: option i is right with probability softmax(rows @ weights)_i."""

    names: tuple[str, ...] = Field(description="names of the columns")
    scales: tuple[float, ...] = Field(
        description="standard deviation of each column within a question"
    )
    weights: tuple[float, ...] = Field(description="weight of each scaled column")


class RankerFile(Settings):
    """Content of `ranker.json`."""

    kind: Literal["llmexam ranker"] = Field("llmexam ranker", description="kind of this file")
    members: tuple[MemberSpec, ...] = Field(
        description="the members, which are solvers", min_length=1
    )
    names: tuple[str, ...] = Field(description="columns of the feature matrix, in order")
    logit: Logit | None = Field(None, description="the conditional logit model, if there is one")
    trees_hash: str = Field("", description="SHA-256 of the file with the trees, if there is one")


@dataclass(frozen=True, eq=False)
class RankerModel:
    """Computes one utility per option from its row.

    Utilities are log-odds: their softmax over the options is the probability of being right. With
    both a logit and trees, the utility is the mean of both.

    Attributes:
        names: Columns of the rows, in order.
        logit: The conditional logit, or None.
        trees: Gradient-boosted trees, whose leaves add up to a utility, or None.
    """

    names: tuple[str, ...]
    logit: Logit | None = None
    trees: Booster | None = None

    def utilities(self, table: OptionRows) -> list[Floats]:
        """Return the utility of each row, one array per question, shape `[n_options]`."""
        return [part.sum(axis=1) for part in self.contributions(table, explain=False)]

    def contributions(self, table: OptionRows, *, explain: bool = True) -> list[Floats]:
        """Return the contribution of each column to the utility, one array per question.

        Args:
            table: The rows.
            explain: Attribute the trees' utility to columns (Shapley values, arXiv 1802.03888),
                which is slower; otherwise it is one more column at the end.

        Returns:
            Shape `[n_options, n_columns]` each, or `[n_options, n_columns + 1]`.
        """
        n_parts = (self.logit is not None) + (self.trees is not None)
        found = [np.zeros((len(rows), len(self.names) + (not explain))) for rows in table.rows]
        if not found:
            return found
        if self.logit is not None:
            at = [self.names.index(name) for name in self.logit.names]
            for part, rows in zip(found, table.rows, strict=True):
                part[:, at] += standardise(rows[:, at], self.logit) * self.logit.weights / n_parts
        if self.trees is not None:
            told = self._ask_trees(np.concatenate(table.rows), explain) / n_parts
            ends = np.cumsum([len(rows) for rows in table.rows])[:-1]
            for part, more in zip(found, np.split(told, ends), strict=True):
                part[:, -more.shape[1] :] += more
        return found

    def _ask_trees(self, rows: Floats, explain: bool) -> Floats:
        if self.trees is None or not self.trees.num_trees():
            return np.zeros((len(rows), len(self.names) if explain else 1))
        told = np.asarray(self.trees.predict(rows, pred_contrib=explain, num_threads=1))
        # LightGBM's last column is the expected value, equal for all options.
        return told[:, :-1] if explain else told[:, None]


def standardise(rows: Floats, logit: Logit) -> Floats:
    """Return the logit's columns minus their mean in the question, over their scale; 0 for NaN."""
    scaled: Floats = centre(rows) / np.array(logit.scales)
    return scaled


def centre(rows: Floats) -> Floats:
    """Return the rows of one question minus the column means; 0 for missing values.

    >>> centre(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    known = ~np.isnan(rows)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, rows, 0.0).sum(axis=0) / counts
    centred: Floats = np.where(known, rows - means, 0.0)
    return centred


def write_ranker(folder: Path, model: RankerModel, members: Sequence[MemberSpec]) -> None:
    """Write a ranker into a folder; `ranker.json` comes last and marks it as complete."""
    (folder / RANKER_FILE).unlink(missing_ok=True)
    trees_hash = ""
    if model.trees is None:
        (folder / TREES_FILE).unlink(missing_ok=True)
    else:
        write_text(folder / TREES_FILE, model.trees.model_to_string())
        trees_hash = hash_file(folder / TREES_FILE)
    saved = RankerFile(
        members=tuple(members), names=model.names, logit=model.logit, trees_hash=trees_hash
    )
    write_json(folder / RANKER_FILE, saved.model_dump(mode="json"))


def read_ranker_file(folder: str | Path) -> RankerFile:
    """Return the content of `ranker.json`.

    Raises:
        ModelError: It is missing or damaged.
    """
    path = Path(folder) / RANKER_FILE
    try:
        values: Any = json.loads(path.read_bytes())
        saved = RankerFile.parse(values, subject="the ranker", file=path)
    except FileNotFoundError:
        raise ModelError("the folder has no trained ranker", file=path, hint=_HINT) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"cannot be read: {error}", file=path, hint=_HINT) from None
    except SettingsError as error:
        raise ModelError(error.message, file=path, field=error.field, hint=_HINT) from None
    logit = saved.logit
    if logit and (
        not set(logit.names) <= set(saved.names)
        or not len(logit.names) == len(logit.scales) == len(logit.weights)
        or not all(scale > 0 for scale in logit.scales)
    ):
        raise ModelError("the logit model does not fit the columns", file=path, hint=_HINT)
    return saved


_HINT = "Train it: llmexam train recipe.yaml"


def load_ranker(folder: str | Path) -> RankerModel:
    """Return the ranker of a folder.

    Raises:
        MissingDependencyError: It has trees, and lightgbm is not installed.
        ModelError: A file is missing or damaged.
    """
    saved = read_ranker_file(folder)
    model = RankerModel(saved.names, saved.logit)
    if not saved.trees_hash:
        return model
    path = Path(folder) / TREES_FILE
    if not path.is_file() or hash_file(path) != saved.trees_hash:
        raise ModelError(
            "file is missing, or differs from the one that was trained", file=path, hint=_HINT
        )
    try:
        text = path.read_text("utf-8")
        check_trees(text)
        return replace(model, trees=read_trees(text))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the trees are damaged: {error}", file=path, hint=_HINT) from None


def read_trees(text: str) -> Booster:
    """Return trees parsed from LightGBM's text format.

    Raises:
        ValueError: LightGBM cannot read them.
        MissingDependencyError: lightgbm is not installed.
    """
    try:
        import lightgbm
    except ModuleNotFoundError:
        raise MissingDependencyError("a ranker with trees", "lightgbm", "train") from None
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(str(error)) from None
