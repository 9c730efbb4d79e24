"""A short part of `make fuzz`."""

import random

import pytest
from tests.fuzz.campaign import run_campaign
from tests.fuzz.kinds import kinds
from tests.fuzz.mutations import MUTATIONS, mutated

pytest.importorskip("safetensors")


def test_mutated_inputs_are_read_or_refused_in_one_line():
    outcome = run_campaign(60, 0)
    assert outcome.faults == []
    assert outcome.counts.total() == 60


def test_a_seed_always_gives_the_same_input():
    data = next(iter(kinds()[0].files.values()))
    draws = [mutated(data, "a.csv", random.Random(seed)) for seed in range(50)]
    assert draws == [mutated(data, "a.csv", random.Random(seed)) for seed in range(50)]
    assert len(set(draws)) > 45


@pytest.mark.parametrize("mutate", sorted(set(MUTATIONS), key=lambda one: one.__name__))
def test_empty_files_can_be_mutated(mutate):
    assert isinstance(mutate(b"", random.Random(0)), bytes)
