"""The HTML page of a training run: grades, curves and findings in one self-contained file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmexam.report.html import render_page
from llmexam.report.paths import command_without_folders, without_folders
from llmexam.report.training_curves import curve_charts
from llmexam.report.training_tables import (
    GRADE_HEADS,
    grade_rows,
    seed_rows,
    split_rows,
    splits_caption,
)
from llmexam.training.protocol import TrainedModel


def training_page(results: Mapping[str, Any], trained: Mapping[str, TrainedModel]) -> str:
    """Return the page of a training run as HTML; it loads nothing and runs no script.

    Args:
        results: What `results.json` says, of one training or of several splits.
        trained: The models by the name of their run; empty for several splits.
    """
    metric = results["metric"]["label"]
    over = results.get("over_splits")
    rows, seeds = grade_rows(results), seed_rows(results)
    title = f"{metric}, mean over {over['n_splits']} splits" if over else metric
    tables = [(title, [list(GRADE_HEADS), *rows])] if rows else []
    tables += [(f"{metric} over seeds", seeds)] if seeds else []
    tables += [
        (f"Each split: {n}", split_rows(results, n)) for n in (over["exams"] if over else ())
    ]
    charts = {name: curve_charts(one.curve) for name, one in trained.items()}
    return render_page(
        "training.html",
        title=results["title"],
        eyebrow="Training report",
        family=results["family"],
        n_train=f"{results['n_train']:,}",
        noun=results.get("noun", "question"),
        explanation=results["metric"]["explanation"],
        caption=splits_caption(results) if over else "",
        tables=tables,
        curves={name: drawn for name, drawn in charts.items() if drawn},
        findings=[finding["message"] for finding in results["findings"]],
        # Those of several splits are on the pages of the splits.
        notes=[] if over else [note for notes in results["notes"].values() for note in notes],
        provenance=[
            (without_folders(label), without_folders(text))
            for label, text in results["provenance"].items()
        ],
        command=command_without_folders(results["command"]),
    )
