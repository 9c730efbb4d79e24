"""Run the members of a ranker, and encode their scores and features as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import OptionFeatures, Solver
from llmexam.solvers.ranker.encoding import OptionRows, encode_options


def ask_members(
    questions: Sequence[Question],
    members: Mapping[str, Solver],
    with_features: Mapping[str, bool],
    scored: Mapping[str, ScoreMatrix] | None = None,
) -> tuple[OptionRows, dict[str, ScoreMatrix]]:
    """Return the rows of all options, and the members' scores.

    Args:
        questions: The questions.
        members: The solvers, by name.
        with_features: Whether to compute the features of members, too.
        scored: Existing scores by name; these members are not run.
    """
    given = scored or {}
    scores = {
        name: given[name] if name in given else member.score(questions)
        for name, member in members.items()
    }
    features: dict[str, OptionFeatures] = {
        name: member.features(questions)
        for name, member in members.items()
        if with_features.get(name) and member.describe().has_features
    }
    return encode_options(questions, scores, features), scores
