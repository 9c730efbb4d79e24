"""The members of a ranker in training, and their scores.

A trained member overfits the questions it was trained on. A ranker that learned from such scores
would give it too much weight, so it needs out-of-fold scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import ScoreError, SettingsError
from llmexam.evaluation.alignment import align_scores
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard, read_card
from llmexam.solvers.protocol import Solver
from llmexam.solvers.ranker.asking import ask_members
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.model import MemberSpec
from llmexam.solvers.registry import create_solver
from llmexam.training.folds import QUESTIONS_KEY
from llmexam.training.ranker.settings import MemberPlan, RankerTrainingSettings


@dataclass(frozen=True, eq=False)
class Members:
    """The member solvers of a ranker.

    Attributes:
        specs: How they are made, for the ranker's file.
        solvers: The solvers by name.
        given: Scores of the training questions that are there already, by name.
        notes: What a person should know of those.
    """

    specs: tuple[MemberSpec, ...]
    solvers: Mapping[str, Solver]
    given: Mapping[str, ScoreMatrix]
    notes: tuple[str, ...] = ()

    def ask(
        self, exam: Exam, given: Mapping[str, ScoreMatrix] | None = None
    ) -> tuple[OptionRows, dict[str, ScoreMatrix]]:
        """Return the rows of an exam's options, and the members' scores.

        Args:
            exam: The questions.
            given: Scores that are there already; those members are not asked.
        """
        with_features = {spec.name: spec.uses_features for spec in self.specs}
        return ask_members(exam.questions, self.solvers, with_features, given)


def make_members(settings: RankerTrainingSettings, train: Exam) -> Members:
    """Return the members, after checking that none scores questions whose answers it has seen.

    Args:
        settings: Names them.
        train: The training questions.

    Raises:
        ScoreError: Given scores cannot be read, are not of these questions or not out of fold.
        SettingsError: A member cannot be made, or was trained and brings no scores.
    """
    specs, solvers, given, notes = [], {}, {}, []
    for plan in settings.members:
        values = plan.settings.model_dump(mode="json")
        solver = create_solver(plan.solver, plan.settings)
        card = _card(values)
        if plan.out_of_fold is not None:
            given[plan.name], note = _read_given(plan, plan.out_of_fold, train)
            notes += note
        else:
            notes += _refuse_leak(plan, card, train)
        # With given scores the member itself is not run: it may have been trained on the answers,
        # which its features would leak as well.
        asked = plan.out_of_fold is None and settings.use_features
        specs.append(
            MemberSpec(
                solver=plan.solver,
                name=plan.name,
                settings=values,
                weights_hash=solver.describe().weights_hash,
                uses_features=asked and solver.describe().has_features,
            )
        )
        solvers[plan.name] = solver
    return Members(tuple(specs), solvers, given, tuple(notes))


def _card(values: Mapping[str, object]) -> ModelCard | None:
    model = values.get("model")
    return read_card(model) if isinstance(model, str) else None


def check_members(settings: RankerTrainingSettings) -> None:
    """Check members without reading questions.

    Raises:
        ScoreError: Out-of-fold scores are not there.
        SettingsError: A member was trained and brings no scores.
    """
    for plan in settings.members:
        values = plan.settings.model_dump(mode="json")
        if plan.out_of_fold is None:
            if not plan.trained_elsewhere and _card(values) is not None:
                raise _leak(plan, "is a trained model and may have seen these questions")
        elif not plan.out_of_fold.is_file():
            raise ScoreError(
                f"out-of-fold score file of '{plan.name}' not found",
                file=plan.out_of_fold,
                field=f"settings.members.{plan.name}.out_of_fold",
                hint="Train the member with `folds`, which writes oof.parquet",
            )


def _refuse_leak(plan: MemberPlan, card: ModelCard | None, train: Exam) -> list[str]:
    """Return what a person should know of a trained member that is asked itself."""
    if card is None:
        return []
    uses = {name for name, found in card.data.items() if found == train.content_hash}
    if uses - {"dev"}:
        reason = "was trained on these questions"
    elif not plan.trained_elsewhere:
        reason = "is a trained model and may have seen these questions"
    elif uses:
        return [f"member '{plan.name}' selected its best step on these questions"]
    else:
        return []
    raise _leak(plan, reason)


def _leak(plan: MemberPlan, reason: str) -> SettingsError:
    return SettingsError(
        f"member '{plan.name}' {reason}, so its scores of them are too good",
        field=f"members.{plan.name}.out_of_fold",
        hint="Give its out-of-fold scores (out_of_fold: scores.parquet)",
    )


def _read_given(plan: MemberPlan, path: Path, train: Exam) -> tuple[ScoreMatrix, list[str]]:
    scores, made_by = read_scores(path)
    # Our own files name the solver, and only those of folds are marked as out of fold. Files of
    # other origin have no solver and are trusted.
    unsaid = "" if made_by.get("solver") else "true"
    if made_by.get("out_of_fold", unsaid) in ("", "false"):
        raise ScoreError(
            f"the scores of '{plan.name}' are not out of fold",
            file=path,
            hint="Train it with `folds`, and give the out-of-fold scores that it writes",
        )
    place = {question_id: row for row, question_id in enumerate(scores.question_ids)}
    _require_same_questions(train, place, made_by.get(QUESTIONS_KEY, ""), path)
    if place.keys() > set(train.ids):
        # Of a part of the questions, such as all folds but one.
        scores = scores.subset([place[question_id] for question_id in train.ids])
    try:
        aligned = align_scores(train, scores)
    except ScoreError as error:
        raise ScoreError(error.message, file=path, hint=error.hint) from None
    notes = []
    if made_by.get("exam_hash") not in (None, "", train.content_hash):
        notes.append(
            f"the out-of-fold scores of '{plan.name}' come from the same questions "
            "with other texts or evidence"
        )
    return aligned, notes


def _require_same_questions(train: Exam, place: Mapping[str, int], said: str, path: Path) -> None:
    """Check that scores with the same ids are of the same questions: many files count from 0.

    Raises:
        ScoreError: A question with this id said something else.
    """
    hashes = said.split()
    if len(hashes) != len(place):
        return
    for row, (question, own) in enumerate(zip(train, train.question_hashes, strict=True), 1):
        at = place.get(question.id)
        if at is not None and hashes[at] != own:
            raise ScoreError(
                f"the scores of question '{question.id}' belong to another question "
                "with the same id",
                file=path,
                row=row,
                hint="Give scores of the questions that the ranker is trained on",
            )


def names_without(names: Sequence[str], member: str) -> list[str]:
    """Return the columns that are not from a member."""
    return [name for name in names if not name.startswith(f"{member}/")]
