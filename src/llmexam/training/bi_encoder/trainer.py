"""Train a bi-encoder with sentence-transformers; the result is a folder in its format."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.bi_encoder.encoding import closed_book_texts
from llmexam.solvers.bi_encoder.solver import BiEncoderSettings, BiEncoderSolver
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.family import Prepared, QuestionTrainer
from llmexam.training.base.lora import apply_lora, merge_lora
from llmexam.training.bi_encoder.estimate import estimate
from llmexam.training.bi_encoder.model import load_model, make_trainer
from llmexam.training.bi_encoder.rows import make_rows
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.protocol import Estimate


class BiEncoderTrainer(QuestionTrainer[BiEncoderTrainingSettings]):
    """Trains a bi-encoder on prompts, right options and wrong ones.

    The result loads as `model` of solver `bi-encoder` and of a dense index, and with
    `SentenceTransformer(folder)`.
    """

    settings_class = BiEncoderTrainingSettings
    # Questions without an answer are left out like other unsuitable ones.
    needs_answers = False

    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return the model, rows of texts, and the scoring of dev questions."""
        settings = self.settings
        base = resolve_model(settings.model)
        embedder = load_embedder(settings.model, precision="fp32", max_tokens=settings.max_tokens)
        rows, notes = make_rows(train, embedder, settings)
        model = load_model(base, embedder, settings)
        apply_lora(model, settings, ())
        return Prepared(
            make_trainer(model, rows, settings, folder),
            base,
            card={
                "family": "bi-encoder",
                "encoding": {"max_tokens": embedder.max_tokens, "reads": settings.reads},
            },
            save=lambda path: model.save_pretrained(str(path), create_model_card=False),
            dev=None if dev is None else DevSet(dev, lambda: _score(model, dev)),
            merge=lambda: merge_lora(model),
            measure=lambda: {} if dev is None else _threshold_figures(model, dev, embedder),
            notes=notes,
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        return estimate(self.to_train_on(train), self.settings)


def _score(model: SentenceTransformer, exam: Exam) -> ScoreMatrix:
    """Return the solver's scores with the current weights, saved to a temporary folder."""
    training = model.training
    plain = model
    if any(".base_layer." in name for name, _ in model.named_parameters()):
        # A model folder cannot contain adapters, so they are merged into a copy.
        plain = copy.deepcopy(model)
        merge_lora(plain)
    with tempfile.TemporaryDirectory() as place:
        plain.save_pretrained(place, create_model_card=False)
        solver = BiEncoderSolver(BiEncoderSettings(model=place, precision="fp32"))
        found = solver.score(exam.questions)
    model.train(training)
    return found


def _threshold_figures(
    model: SentenceTransformer, dev: Exam, embedder: Embedder
) -> dict[str, float]:
    """Return metrics of classifying options by a threshold on the cosine."""
    query, passage = (embedder.prefixes.get(kind, "") for kind in ("query", "passage"))
    texts = [closed_book_texts(question) for question in dev]
    evaluator = BinaryClassificationEvaluator(
        sentences1=[query + prompt for prompt, options in texts for _ in options],
        sentences2=[passage + option for _, options in texts for option in options],
        labels=[int(i in q.right_options) for q in dev for i in range(len(q.options))],
        similarity_fn_names=["cosine"],
        write_csv=False,
    )
    found = evaluator(model)
    return {name: float(value) for name, value in found.items() if name.startswith("cosine_")}
