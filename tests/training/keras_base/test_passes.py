import numpy as np
import pytest

from llmexam.training.base.batching import BatchPlan
from llmexam.training.keras_base.passes import padded_length, passes

# Ten questions in steps of four: the last step of an epoch has two.
PLAN = BatchPlan(np.full(10, 7), 2, n_passes=2, seed=3)


def all_passes(first_step=0, n_steps=6):
    return list(passes(PLAN, batch_size=2, n_passes=2, first_step=first_step, n_steps=n_steps))


def test_every_step_has_the_same_number_of_passes():
    found = all_passes()
    assert len(found) == 6 * 2
    assert [len(one.draws) for one in found] == [2, 2, 2, 2, 2, 0] * 2


def test_weights_make_a_step_the_mean_over_its_questions():
    found = all_passes()
    for step in range(6):
        own = found[2 * step : 2 * step + 2]
        # Keras divides by the rows of a pass, and by the passes of a step.
        shares = [one.weight / (2 * 2) for one in own for _ in one.draws]
        assert shares == pytest.approx([1 / len(shares)] * len(shares))


def test_an_epoch_has_every_question_once():
    found = all_passes()
    for epoch in (0, 1):
        rows = [draw.row for one in found for draw in one.draws if draw.epoch == epoch]
        assert sorted(rows) == list(range(10))
    assert [d.row for p in found[:6] for d in p.draws] != [
        d.row for p in found[6:] for d in p.draws
    ]


@pytest.mark.parametrize("first_step", [1, 3, 4, 6])
def test_a_resumed_training_gets_the_rest(first_step):
    assert all_passes(first_step) == all_passes()[2 * first_step :]


def test_lengths_are_padded_to_multiples_within_the_limit():
    lengths = [padded_length(n, 32, 160) for n in (0, 1, 32, 33, 130, 160)]
    assert lengths == [32, 32, 32, 64, 160, 160]
    # What is longer than the limit already is not cut.
    assert padded_length(170, 32, 160) == 170
