"""Fine-tune a decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.tracking.tracker import Tracker
from llmexam.training.causal_lm.examples import ExampleMaker, Examples
from llmexam.training.causal_lm.grading import DevScorer, dev_loss
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import load_trainee, save_trained, stored_dtype
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.causal_lm.template import training_template
from llmexam.training.checkpoint import finish_checkpoint, finished_checkpoint
from llmexam.training.dev_metric import dev_values
from llmexam.training.loop import DevSet, run_training
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Checkpoint, Estimate
from llmexam.training.states import is_first_process
from llmexam.training.undisturbed import undisturbed

FAMILY = "causal-lm"


class CausalLmTrainer:
    """Fine-tunes a decoder, whole or by adapters.

    The result loads as `model` of solver `causal-lm`.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model, the machine or another setting.
    """

    settings_class = CausalLmTrainingSettings

    def __init__(self, settings: CausalLmTrainingSettings) -> None:
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
        """Train, and leave the best weights in `folder`; see `Trainer.fit`.

        Raises:
            RunError: A training goes on, and its prompt template is another than it began with.
        """
        if resume and (done := finished_checkpoint(folder)) is not None:
            return done
        require_trainable(train)
        if dev is not None:
            require_trainable(dev)
        settings = self.settings
        transformers.set_seed(settings.seed)
        asked = training_template(settings.encoding.template, folder, resume=resume)
        trainee = load_trainee(settings)
        maker = ExampleMaker(settings, trainee.tokenizer, trainee.longest, asked.template)
        examples = Examples(train, settings, maker)
        trainer = DecoderTrainer(trainee, examples, settings, folder)
        graded = None
        if dev is not None:
            scorer = DevScorer(dev, trainee, settings, asked.template)
            graded = DevSet(dev, scorer.score, dev_loss(settings))
        before = _before(graded)
        asked.save(folder)
        trained = run_training(
            trainer, folder, settings, tracker=tracker, dev=graded, resume=resume
        )
        encoding = settings.encoding.model_copy(update={"template": asked.saved_name})
        known = {
            "family": FAMILY,
            "base_model": settings.model,
            "base_weights_hash": trainee.source.weights_hash,
            "encoding": encoding.model_dump(mode="json"),
            "training": settings.model_dump(mode="json"),
            "metrics": _metrics(dev, before, trained.dev_scores),
        }
        told = ModelCard(**{**known, **card})
        notes = _notes(examples, settings, str(stored_dtype(trainee.source)))
        if not is_first_process():
            return Checkpoint(folder, told, trained.curve, trained.best_step, None, notes)

        def save(place: Path) -> None:
            save_trained(trainee, place)
            asked.save(place)

        return finish_checkpoint(
            folder,
            save,
            told,
            tokenizer=trainee.tokenizer,
            curve=trained.curve,
            best_step=trained.best_step,
            dev_scores=trained.dev_scores,
            notes=notes,
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return what training would take, from the data and the model's shape."""
        from llmexam.training.causal_lm.estimate import estimate

        require_trainable(train)
        return estimate(train, self.settings)


def _before(dev: DevSet | None) -> ScoreMatrix | None:
    if dev is None or not is_first_process():
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


def _notes(examples: Examples, settings: CausalLmTrainingSettings, stored: str) -> tuple[str, ...]:
    notes = []
    if n_cut := int((examples.n_cut > 0).sum()):
        notes.append(f"{n_cut} of {len(examples)} training questions had their context cut")
    if stored != "torch.float32":
        notes.append(f"weights are given away as {stored.removeprefix('torch.')}, as they came")
    if settings.quantise is not None:
        notes.append(
            f"the adapters were trained and graded over weights rounded to {settings.quantise}, "
            "and merged into the weights before rounding"
        )
    return tuple(notes)
