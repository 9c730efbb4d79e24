"""A picture of a multiple-choice model, drawn from the Keras model itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llmexam.lm.keras_models.sequence_model import SequenceModel
from llmexam.storage.atomic import atomic_path

_WIDTH, _HEIGHT, _GAP = 4.4, 0.74, 0.42


def model_parts(model: Any, reader: SequenceModel) -> list[tuple[str, str]]:
    """Return the parts of a choice model from input to output, as names and descriptions.

    Args:
        model: The choice model.
        reader: The reader inside it.
    """
    inputs = ", ".join(reader.inputs)
    backbone = reader.backbone
    n_weights = sum(int(np.prod(one.shape)) for one in backbone.weights)
    n_trained = sum(int(np.prod(one.shape)) for one in backbone.trainable_weights)
    n_head = sum(int(np.prod(one.shape)) for one in reader.head.weights)
    return [
        ("inputs", f"{inputs}\n[questions, options, tokens]"),
        ("options as sequences", "[questions * options, tokens]"),
        (
            type(reader.core).__name__,
            f"shared by all options; {n_weights:,} weights, {n_trained:,} trained",
        ),
        (f"head '{reader.head_kind}'", f"one logit for each sequence; {n_head:,} weights"),
        ("logits", f"[questions, options], missing options masked; {model.output.dtype}"),
        ("softmax over the options", "probability of each option"),
    ]


def draw_model(model: Any, reader: SequenceModel, path: Path) -> None:
    """Write the picture of a choice model as PNG; without matplotlib, nothing is written.

    Args:
        model: The choice model.
        reader: The reader inside it.
        path: The file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    parts = model_parts(model, reader)
    step = _HEIGHT + _GAP
    figure = Figure(figsize=(_WIDTH + 0.4, len(parts) * step + 0.2))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, _WIDTH + 0.4)
    axes.set_ylim(-len(parts) * step, 0.2)
    for place, (name, told) in enumerate(parts):
        top = -place * step
        style = {"boxstyle": "round,pad=0.02", "facecolor": "#eef1f8", "edgecolor": "#5b6b95"}
        middle = 0.2 + _WIDTH / 2
        axes.text(
            middle,
            top - _HEIGHT / 2,
            f"{name}\n{told}",
            ha="center",
            va="center",
            fontsize=8,
            bbox=style,
        )
        if place:
            axes.annotate(
                "",
                xy=(middle, top - 0.05),
                xytext=(middle, top - 0.05 + _GAP),
                arrowprops={"arrowstyle": "->", "color": "#5b6b95"},
            )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
