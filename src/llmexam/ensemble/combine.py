"""Combination of several score matrices by weighted means, votes or rank fusion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from llmexam.ensemble.normalise import centred, log_softmax, ranks, z_scores
from llmexam.ensemble.settings import Method
from llmexam.errors import ScoreError, SettingsError, nearest
from llmexam.exam.scores import ScoreMatrix

Floats = NDArray[np.float64]
METHODS: tuple[Method, ...] = get_args(Method)
PROBABILITIES: tuple[Method, ...] = ("mean-softmax", "max-probability")
"""Methods that add up or compare probabilities."""


def combine(
    matrices: Mapping[str, ScoreMatrix],
    method: Method = "mean-z",
    weights: Mapping[str, float] | None = None,
    *,
    temperature: float = 1.0,
    rank_constant: float = 60.0,
) -> ScoreMatrix:
    """Return the combined scores of the members.

    - `mean-z`: z-scores within each question, independent of scale. A member with equal scores
      for all options of a question has no influence on it.
    - `log-linear`: the scores minus their mean within each question: a logarithmic opinion pool
      (Genest and Zidek, 1986). For scores with meaningful differences, such as log-odds; members
      that are certain of a question have more influence on it. Weights depend on the scale.
    - `mean-softmax`: probabilities softmax(score / temperature), averaged; the result is the
      logarithm of that mean. For log-likelihoods: certain members have more influence.
    - `max-probability`: the logarithm of each option's largest softmax(score / temperature) times
      weight over the members. One certain member can decide.
    - `rank-fusion`: 1 / (rank_constant + rank), reciprocal rank fusion (Cormack et al., 2009).
    - `vote`: 1 / rank, as average precision counts ranks. Equal scores share their mean rank.

    Args:
        matrices: Score matrices by the name of the member, at least one; the same questions, in
            any order. Rows come out in the order of the first.
        method: One of `METHODS`.
        weights: A weight for each member, 0 or more; they are scaled to add up to 1. Equal if
            not given.
        temperature: Temperature of `mean-softmax` and `max-probability`.
        rank_constant: Constant of `rank-fusion`.

    Returns:
        Scores; a question is truncated if it is for any member.

    Raises:
        ScoreError: There are no members, or they differ in questions or options.
        SettingsError: The method or the weights are invalid.
    """
    aligned = align_members(matrices)
    shares = check_weights(aligned, weights)
    first = next(iter(aligned.values()))
    total = np.full(first.values.shape, -np.inf if method in PROBABILITIES else 0.0)
    # Sorted by name: the order of addition, and so rounding, must not depend on the plan's order.
    for name in sorted(aligned):
        if shares[name] == 0:
            continue
        points = score_points(
            aligned[name], method, temperature=temperature, rank_constant=rank_constant
        )
        if method == "mean-softmax":
            total = np.logaddexp(total, points + np.log(shares[name]))
        elif method == "max-probability":
            total = np.maximum(total, points + np.log(shares[name]))
        else:
            total += shares[name] * points
    # Scores must be finite, but the logarithm of a vanishing probability is -inf.
    limit = float(np.finfo(np.float32).max)
    values = np.where(first.present, np.clip(total, -limit, limit), 0.0).astype(np.float32)
    truncated = np.any([matrix.truncated for matrix in aligned.values()], axis=0)
    return ScoreMatrix(first.question_ids, values, first.present, truncated)


def score_points(
    scores: ScoreMatrix, method: Method, *, temperature: float = 1.0, rank_constant: float = 60.0
) -> Floats:
    """Return a member's points for each option, shape `[n_questions, n_options]`; 0 if absent.

    For `mean-softmax` and `max-probability` these are log-probabilities.

    Raises:
        SettingsError: There is no such method.
    """
    if method == "mean-z":
        return z_scores(scores)
    if method == "log-linear":
        return centred(scores)
    if method in PROBABILITIES:
        if not temperature > 0:
            raise SettingsError(
                f"expected a temperature above 0, got {temperature}", hint="Set a positive number"
            )
        return log_softmax(scores, temperature)
    if method not in METHODS:
        raise SettingsError(f"unknown method '{method}'", hint=nearest(method, METHODS))
    damping = rank_constant if method == "rank-fusion" else 0.0
    if not damping >= 0:
        raise SettingsError(
            f"expected a rank_constant of 0 or more, got {damping}",
            hint="Set a number of 0 or more",
        )
    places = damping + ranks(scores)
    return np.divide(1.0, places, out=np.zeros_like(places), where=scores.present)


def check_weights(
    members: Collection[str], weights: Mapping[str, float] | None
) -> dict[str, float]:
    """Return the weight of each member, normalised to add up to 1.

    Raises:
        SettingsError: A member has no weight, a weight has no member, is negative or not
            finite, or all are 0.
    """
    if weights is None:
        return {name: 1 / len(members) for name in members}
    for name in weights:
        if name not in members:
            raise SettingsError(f"weight for unknown member '{name}'", hint=nearest(name, members))
    missing = [name for name in members if name not in weights]
    if missing:
        raise SettingsError(
            f"member '{missing[0]}' has no weight",
            hint="Give every member a weight; 0 excludes it",
        )
    for name, weight in weights.items():
        if not 0 <= weight < np.inf:
            raise SettingsError(
                f"expected weights of 0 or more, got {weight} for '{name}'",
                hint="Set weights of 0 or more",
            )
    total = sum(weights[name] for name in sorted(weights))
    if total == 0:
        raise SettingsError("all weights are 0", hint="Give at least one member a weight above 0")
    return {name: weights[name] / total for name in members}


def align_members(matrices: Mapping[str, ScoreMatrix]) -> dict[str, ScoreMatrix]:
    """Return the matrices with rows in the order of the first and equal numbers of columns.

    Raises:
        ScoreError: There are no members, or they differ in questions or options.
    """
    if not matrices:
        raise ScoreError("there are no scores to combine", hint="Give at least one score file")
    (first_name, first), *others = matrices.items()
    aligned = {first_name: first}
    place = {question_id: row for row, question_id in enumerate(first.question_ids)}
    for name, matrix in others:
        if matrix.question_ids != first.question_ids:
            matrix = _reorder(first_name, first, name, matrix, place)
        differ = np.flatnonzero(matrix.n_options != first.n_options)
        if len(differ):
            row = int(differ[0])
            raise ScoreError(
                f"question '{first.question_ids[row]}' has {first.n_options[row]} options in "
                f"'{first_name}' but {matrix.n_options[row]} in '{name}'",
                hint="Combine scores of the same exam only",
            )
        if matrix.present.shape != first.present.shape or (matrix.present != first.present).any():
            raise ScoreError(
                f"'{first_name}' and '{name}' have different missing options",
                hint="Combine scores of the same exam only",
            )
        aligned[name] = matrix
    return aligned


def _reorder(
    first_name: str, first: ScoreMatrix, name: str, matrix: ScoreMatrix, place: dict[str, int]
) -> ScoreMatrix:
    unknown = [i for i in matrix.question_ids if i not in place]
    missing = sorted(place.keys() - set(matrix.question_ids), key=lambda i: place[i])
    for lacking, having, ids in ((first_name, name, unknown), (name, first_name, missing)):
        if ids:
            raise ScoreError(
                f"'{lacking}' has no scores for question '{ids[0]}', which '{having}' "
                f"has ({len(ids)} such questions)",
                hint="Combine scores of the same exam only",
            )
    if len(matrix) != len(first):
        raise ScoreError(
            f"'{first_name if len(first) > len(matrix) else name}' has repeated question ids"
        )
    rows = {question_id: row for row, question_id in enumerate(matrix.question_ids)}
    return matrix.subset([rows[question_id] for question_id in first.question_ids])
