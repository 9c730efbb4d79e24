"""Training over several splits: one training per split, and the mean of their metrics."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from llmexam.errors import MissingDependencyError
from llmexam.report.training_page import training_page
from llmexam.stages.stage import Executor
from llmexam.storage.atomic import write_json, write_text
from llmexam.workflows.train.folder import (
    RECIPE_FILE,
    RESULTS_FILE,
    finished_results,
    forget_weights,
    mark_training,
)
from llmexam.workflows.train.key import splits_key
from llmexam.workflows.train.one import OneTraining, run_training
from llmexam.workflows.train.processes import Crew
from llmexam.workflows.train.recipe import Recipe, recipe_yaml
from llmexam.workflows.train.results import primary

LEVEL = 0.95


def train_splits(
    recipe: Recipe,
    trainings: Sequence[OneTraining],
    folder: Path,
    stages: Executor,
    crew: Crew,
) -> dict[str, Any]:
    """Train on each split, and return the results of all.

    A split that is finished is not trained again. Weights are kept of the first split only.

    Args:
        recipe: The recipe with its `split_seeds`.
        trainings: One for each of them.
        folder: Gets `results.json` and `training.html` of all splits.
        stages: The stages of the command.
        crew: Those that train together.

    Raises:
        RunError: The folder holds another recipe's training.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    key = splits_key(recipe)
    finished_results(folder, key)
    mark_training(folder, key)
    write_text(folder / RECIPE_FILE, recipe_yaml(recipe))
    gave = {}
    for one in trainings:
        was_open = one.finished is None
        gave[one.split] = run_training(one, stages, crew)
        if was_open and one is not trainings[0]:
            forget_weights(one.folder)
        # A Trainer and its callbacks hold one another; models left lying are gigabytes.
        gc.collect()
    results = {
        **gave[trainings[0].split],
        "title": recipe.title or Path(recipe.train[0].path).stem,
        "command": trainings[0].command,
        "exams": {},
        "findings": _findings(gave),
        "seconds": round(sum(one["seconds"] for one in gave.values()), 1),
        "peak_mb": max(one["peak_mb"] for one in gave.values()),
        "over_splits": over_splits(gave),
        "key": key,
    }
    for name in ("out_of_fold", "notes", "best_steps", "curves"):
        results[name] = {split: one[name] for split, one in gave.items() if one[name]}
    write_text(folder / "training.html", training_page(results, {}))
    write_json(folder / RESULTS_FILE, results)
    return results


def over_splits(gave: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of each metric over splits with its t interval, and the values of each split.

    The splits are drawn at random from the same questions, so the interval is that of the mean
    over all such splits: how far this one may be from it because there are only so many. The
    splits share most of their questions, so it says nothing of other questions, such as those of
    a new exam.

    Args:
        gave: What `results.json` says of each split, by its name; at least two.

    Returns:
        `exams`: by exam `figures` (each with mean, low, high, standard deviation, lowest and
        highest) and `table`, a row of figures for each split.
    """
    exams = {}
    for name in next(iter(gave.values()))["exams"]:
        table = [
            {
                "split": split,
                "n_train": one["n_train"],
                "n_questions": one["exams"][name]["n_questions"],
                **_figures(one["exams"][name]),
            }
            for split, one in gave.items()
        ]
        figures = [key for key in table[0] if key not in ("split", "n_train", "n_questions")]
        exams[name] = {
            "figures": {key: _mean([row[key] for row in table]) for key in figures},
            "table": table,
        }
    return {
        "n_splits": len(gave),
        "level": LEVEL,
        "interval": "t over splits of the same questions",
        "exams": exams,
    }


def _figures(told: Mapping[str, Any]) -> dict[str, float]:
    before, after = told["before"], told["after"]
    return {
        **({"before": primary(before).estimate.value} if before else {}),
        "after": primary(after).estimate.value,
        **{
            f"gain_over_{other}": found["difference"]["value"]
            for other, found in told["gains"].items()
        },
        **told["baselines"],
        **{f"{name}_before": value for name, value in _other_metrics(before).items()},
        **_other_metrics(after),
    }


def _other_metrics(grade: Mapping[str, Any] | None) -> dict[str, float]:
    return {one["name"]: one["estimate"]["value"] for one in grade["metrics"][1:]} if grade else {}


def _mean(values: Sequence[float]) -> dict[str, float]:
    try:
        from scipy.stats import t
    except ImportError:
        raise MissingDependencyError("an interval over splits", "scipy", "train") from None
    mean, deviation = fmean(values), stdev(values)
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * deviation / len(values) ** 0.5
    return {
        "value": mean,
        "low": mean - half,
        "high": mean + half,
        "standard_deviation": deviation,
        "lowest": min(values),
        "highest": max(values),
    }


def _findings(gave: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings of all splits, each once; it says of which if not of all."""
    found: dict[str, dict[str, Any]] = {}
    splits: dict[str, list[str]] = {}
    for split, one in gave.items():
        for finding in one["findings"]:
            # Rows are those of one split.
            found.setdefault(finding["message"], {**finding, "rows": []})
            splits.setdefault(finding["message"], []).append(split)
    return [
        finding
        if len(splits[text]) == len(gave)
        else {**finding, "message": f"{', '.join(splits[text])}: {text}"}
        for text, finding in found.items()
    ]
