from itertools import chain

import numpy as np
import pytest

pytest.importorskip("torch")

from llmexam.training.base.batching import BatchPlan

LENGTHS = np.random.default_rng(0).integers(20, 400, size=203)


def plan(batch_size, n_passes=1, n_processes=1, process=0, seed=0, epoch=0, **more):
    made = BatchPlan(
        LENGTHS,
        batch_size,
        n_passes=n_passes,
        n_processes=n_processes,
        process=process,
        seed=seed,
        **more,
    )
    made.set_epoch(epoch)
    return made


def rows(passes):
    return [[draw.row for draw in one if draw.counts] for one in passes]


@pytest.mark.parametrize("batch_size", [1, 8, 300])
def test_an_epoch_has_every_question_once(batch_size):
    made = plan(batch_size)
    passes = rows(made)
    assert sorted(chain(*passes)) == list(range(len(LENGTHS)))
    assert len(passes) == len(made)
    assert all(len(one) == batch_size for one in passes[:-1])


def test_order_depends_on_seed_and_epoch_alone():
    assert list(plan(8)) == list(plan(8))
    assert list(plan(8)) != list(plan(8, seed=1))
    assert rows(plan(8)) != rows(plan(8, epoch=1))
    assert {draw.epoch for one in plan(8, epoch=3) for draw in one} == {3}


def test_questions_of_a_step_have_about_one_length():
    spread = [np.ptp(LENGTHS[one]) for one in rows(plan(8))[:-1]]
    random = np.random.default_rng(0).permutation(LENGTHS)[:200].reshape(-1, 8)
    assert np.mean(spread) < np.ptp(random, axis=1).mean() / 4
    # Long and short steps come in turns, not one after the other.
    means = [LENGTHS[one].mean() for one in rows(plan(8))[:-1]]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.5


def test_with_buckets_of_one_step_a_step_is_a_random_draw():
    steps = rows(plan(8, bucket_steps=1))[:-1]
    spread = [np.ptp(LENGTHS[one]) for one in steps]
    random = np.random.default_rng(0).permutation(LENGTHS)[:200].reshape(-1, 8)
    assert np.mean(spread) == pytest.approx(np.ptp(random, axis=1).mean(), rel=0.2)
    assert all((np.diff(LENGTHS[one]) <= 0).all() for one in steps)


@pytest.mark.parametrize(
    ("batch_size", "n_passes", "n_processes"), [(4, 2, 1), (2, 4, 1), (4, 1, 2)]
)
def test_passes_and_processes_take_the_same_steps(batch_size, n_passes, n_processes):
    whole = rows(plan(8))
    parts = [rows(plan(batch_size, n_passes, n_processes, i)) for i in range(n_processes)]
    assert len({len(own) for own in parts}) == 1
    joined = [list(chain(*(own[i] for own in parts))) for i in range(len(parts[0]))]
    steps = [list(chain(*joined[i : i + n_passes])) for i in range(0, len(joined), n_passes)]
    assert [sorted(step) for step in steps] == [sorted(step) for step in whole]


def test_a_process_without_questions_gets_one_that_does_not_count():
    parts = [list(plan(6, n_processes=4, process=i)) for i in range(4)]
    assert len({len(own) for own in parts}) == 1
    counted = [draw.row for own in parts for one in own for draw in one if draw.counts]
    assert sorted(counted) == list(range(len(LENGTHS)))
    lone = BatchPlan(LENGTHS[:5], 1, n_processes=4, process=3)
    assert [draw.counts for one in lone for draw in one] == [True, False]
