"""Train a multiple-choice reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.tracking.tracker import Tracker
from llmexam.training.checkpoint import finished_checkpoint
from llmexam.training.dev_metric import dev_values
from llmexam.training.finish import finish_training
from llmexam.training.loop import DevSet, run_training
from llmexam.training.lora import merge_lora
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.grading import DevScorer, dev_loss
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import Trainee, load_trainee
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Checkpoint, Estimate
from llmexam.training.states import is_first_process
from llmexam.training.undisturbed import undisturbed

FAMILY = "multiple-choice"


class MultipleChoiceTrainer:
    """Trains an encoder to score each option, read with its evidence.

    The result loads as `model` of solver `multiple-choice`.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model or the machine.
    """

    settings_class = MultipleChoiceTrainingSettings

    def __init__(self, settings: MultipleChoiceTrainingSettings) -> None:
        self.settings = settings

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> Checkpoint:
        """Train, and leave the best weights in `folder`; see `Trainer.fit`."""
        if resume and (done := finished_checkpoint(folder)) is not None:
            return done
        require_trainable(train)
        if dev is not None:
            require_trainable(dev)
        settings = self.settings
        transformers.set_seed(settings.seed)
        trainee = load_trainee(settings)
        data = ChoiceData(train, settings, trainee.tokenizer)
        trainer = ChoiceTrainer(trainee.model, data, settings, folder, trainee.head_names)
        graded = None
        if dev is not None:
            scorer = DevScorer(dev, trainee, settings)
            graded = DevSet(dev, scorer.score, dev_loss(settings.objective))
        before = _before(graded, trainee)
        trained = run_training(
            trainer, folder, settings, tracker=tracker, dev=graded, resume=resume
        )
        merge_lora(trainee.reader)
        return finish_training(
            folder,
            trained,
            settings,
            trainee.reader.save,
            source=trainee.source,
            told={
                "family": FAMILY,
                "head": settings.head,
                "encoding": settings.encoding.model_dump(mode="json"),
                "metrics": _metrics(dev, before, trained.dev_scores),
            },
            card=card,
            tokenizer=trainee.tokenizer,
            notes=_notes(train, data),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return what training would take, from the data and a few timed steps."""
        from llmexam.training.multiple_choice.estimate import estimate

        require_trainable(train)
        return estimate(train, self.settings)


def _before(dev: DevSet | None, trainee: Trainee) -> ScoreMatrix | None:
    """Return the dev scores of a head that was trained before; a new one says nothing."""
    if dev is None or trainee.new_head or not is_first_process():
        return None
    with undisturbed():
        return dev.score()


def _metrics(
    dev: Exam | None, before: ScoreMatrix | None, after: ScoreMatrix | None
) -> dict[str, Any]:
    return {
        name: dev_values(dev, scores)
        for name, scores in (("before", before), ("after", after))
        if dev is not None and scores is not None
    }


def _notes(train: Exam, data: ChoiceData) -> tuple[str, ...]:
    notes = []
    read = data.read
    if (n_cut := int(read.truncated.sum())) > 0:
        share = read.n_cut.sum() / max(1, read.n_first.sum())
        notes.append(
            f"{n_cut} of {len(data)} training questions had evidence cut, {share:.0%} of its tokens"
        )
    if len(data) < len(train):
        notes.append(f"{len(train) - len(data)} repeated training questions were left out")
    return tuple(notes)
