import numpy as np
import pytest
import torch

from llmexam.errors import ScoreError, SettingsError
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.testing import check_accumulation
from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import choice_objective
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.distillation import Teacher, distilled
from llmexam.training.multiple_choice.settings import DistillationSettings
from llmexam.training.registry import create_trainer


@pytest.fixture
def scores_of(tmp_path):
    """Return a function that writes scores of an exam and returns the file."""

    def write(exam, values=None, ids=None):
        if values is None:
            values = np.random.default_rng(5).normal(size=(len(exam), 4))
        path = tmp_path / "teacher.parquet"
        write_scores(path, ScoreMatrix.from_rows(ids or exam.ids, values.astype(np.float32)))
        return path

    return write


def test_the_loss_mixes_answers_and_soft_labels():
    logits = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.2, -torch.inf], [0.0, 2.0, 1.0]])
    soft = torch.tensor([[0.2, 0.3, 0.5], [0.0, 0.0, 0.0], [0.1, 0.1, 0.8]])
    labels = torch.tensor([0, 1, -100])

    loss = distilled(choice_objective("softmax"), 0.25)(
        {"logits": logits, "soft_labels": soft}, labels, 2
    )

    first = torch.log_softmax(logits[0], 0)
    second = torch.log_softmax(logits[1, :2], 0)
    # The second question has no teacher, the third one does not count.
    expected = 0.75 * -first[0] + 0.25 * -(soft[0] * first).sum() - second[1]
    assert loss.item() == pytest.approx(expected.item() / 2, rel=1e-6)


def test_the_gradient_ignores_absent_options():
    logits = torch.tensor([[1.0, 0.0, -torch.inf]], requires_grad=True)
    outputs = {"logits": logits, "soft_labels": torch.tensor([[0.5, 0.5, 0.0]])}

    distilled(choice_objective("softmax"), 1.0)(outputs, torch.tensor([0])).backward()

    shares = torch.softmax(torch.tensor([1.0, 0.0]), 0)
    assert logits.grad[0, :2].tolist() == pytest.approx((shares - 0.5).tolist(), abs=1e-6)


def test_soft_labels_follow_the_options(make_exam, settings_for, base_folder, scores_of):
    exam = make_exam(12)
    values = np.random.default_rng(1).normal(size=(12, 4))
    settings = settings_for(
        distillation={"scores": scores_of(exam, values), "temperature": 2.0}, drop_options=0.5
    )
    data = ChoiceData(exam, settings, load_tokenizer(resolve_model(str(base_folder))))

    inputs = data.collate([Draw(0, row, True) for row in range(12)])

    tokenizer = load_tokenizer(resolve_model(str(base_folder)))
    width = inputs["shape"][1]
    starts = np.cumsum([0, *inputs["lengths"]])
    for row, question in enumerate(exam):
        shown = {}
        for cell, start, end in zip(inputs["cells"], starts, starts[1:], strict=False):
            if int(cell) // width == row:
                text = tokenizer.decode(inputs["ids"][start:end], skip_special_tokens=True)
                shown[int(cell) % width] = text.split("?")[-1].strip()
        own = [question.options.index(shown[place]) for place in sorted(shown)]
        expected = np.exp(values[row][own] / 2)
        found = inputs["soft_labels"][row, : len(own)].numpy()
        assert found == pytest.approx(expected / expected.sum(), rel=1e-4)
        assert not inputs["soft_labels"][row, len(own) :].any()


def test_a_question_without_scores_has_its_answer_only(make_exam, scores_of):
    exam = make_exam(3)
    path = scores_of(exam.subset([0, 2]), np.eye(2, 4))

    teacher = Teacher(exam.questions, DistillationSettings(scores=path))

    assert teacher.n_known == 2
    labels = teacher.labels([0, 1, 2], [np.arange(4)] * 3)
    assert labels.sum(axis=1).tolist() == pytest.approx([1, 0, 1])


def test_scores_of_another_exam_are_an_error(make_exam, scores_of):
    exam = make_exam(2)
    path = scores_of(exam, np.eye(2, 4), ids=["x", "y"])

    with pytest.raises(ScoreError, match="no id of the 2 training questions"):
        Teacher(exam.questions, DistillationSettings(scores=path))


def test_another_number_of_options_is_an_error(make_exam, scores_of):
    exam = make_exam(2)

    with pytest.raises(ScoreError, match=r"expected 4 scores of question 'q0', got 3"):
        Teacher(exam.questions, DistillationSettings(scores=scores_of(exam, np.eye(2, 3))))


@pytest.mark.parametrize(
    ("other", "message"),
    [({"objective": "binary"}, "objective: softmax"), ({"hard_negatives": {"n": 1}}, "no scores")],
)
def test_what_does_not_fit_together_is_an_error(other, message):
    given = {"distillation": {"scores": "teacher.parquet"}, **other}

    with pytest.raises(SettingsError, match=message):
        create_trainer("multiple-choice", given)


@pytest.mark.slow
def test_accumulation_changes_nothing(tmp_path, make_exam, settings_for, scores_of):
    exam = make_exam(45)
    # Some questions have no teacher.
    path = scores_of(exam.subset(range(30)), np.random.default_rng(2).normal(size=(30, 4)))
    check_accumulation(
        lambda **values: create_trainer("multiple-choice", settings_for(**values).model_dump()),
        exam,
        tmp_path,
        n_passes=4,
        batch_size=8,
        distillation={"scores": str(path), "weight": 0.7},
        n_epochs=1,
    )


@pytest.mark.slow
def test_a_student_learns_from_its_teacher_alone(tmp_path, make_exam, settings_for, scores_of):
    from llmexam.tracking.tracker import NoTracker

    exam = make_exam(96, shuffled_labels=True)
    # The answers are random; the teacher knows the option that is in the evidence.
    values = np.array(
        [[5.0 * (option in q.passages[0].text.split()) for option in q.options] for q in exam]
    )
    settings = settings_for(
        distillation={"scores": str(scores_of(exam, values)), "weight": 1.0},
        n_epochs=10,
        learning_rate=6e-3,
    )
    trainer = create_trainer("multiple-choice", settings.model_dump())

    found = trainer.fit(exam, None, tmp_path / "model", card={}, tracker=NoTracker())

    losses = [point.values["loss"] for point in found.curve if "loss" in point.values]
    assert np.mean(losses[-4:]) < 0.6 * np.mean(losses[:4])
