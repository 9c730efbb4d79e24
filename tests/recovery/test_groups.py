import numpy as np
import pytest

from llmexam.errors import ExamError
from llmexam.recovery.groups import grouped_folds, grouped_split, prompt_groups


def test_wordings_of_one_prompt_are_one_group(rewrites):
    assert prompt_groups(rewrites.prompts).tolist() == [0, 0, 1, 2, 3, 4]
    # "put", "past", "tense" and "use", "past", "tense" share two of four words.
    assert prompt_groups(rewrites.prompts, threshold=0.5).tolist() == [0, 0, 1, 2, 1, 2]


def test_prompts_of_fillers_alone_are_compared_by_them():
    assert prompt_groups(["Rewrite this text.", "rewrite this TEXT", "Make it."]).tolist() == [
        *(0, 0, 1)
    ]


def test_prompts_without_words_are_no_group_of_their_own_kind():
    assert prompt_groups(["!!!", "???", "\u65e5\u672c\u8a9e"]).tolist() == [0, 1, 2]


def test_folds_keep_groups_together_and_are_of_similar_size():
    groups = np.repeat(np.arange(40), np.arange(40) % 7 + 1)
    folds = grouped_folds(groups, 5, seed=3)
    assert all(len(set(folds[groups == group])) == 1 for group in range(40))
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 2
    assert grouped_folds(groups, 5, seed=3).tolist() == folds.tolist()
    assert grouped_folds(groups, 5, seed=4).tolist() != folds.tolist()


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_groups_are_an_error(n):
    with pytest.raises(ExamError, match=f"cannot make {n} folds of 3 groups"):
        grouped_folds([0, 0, 1, 2], n)


def test_a_split_keeps_groups_together_and_its_shares():
    groups = np.repeat(np.arange(40), np.arange(40) % 7 + 1)
    parts = grouped_split(groups, {"train": 0.75, "dev": 0.25}, seed=3)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(groups)))
    assert not set(groups[parts["train"]]) & set(groups[parts["dev"]])
    assert len(parts["dev"]) == pytest.approx(0.25 * len(groups), abs=2)
    again = grouped_split(groups, {"train": 0.75, "dev": 0.25}, seed=3)
    assert again["dev"].tolist() == parts["dev"].tolist()
    other = grouped_split(groups, {"train": 0.75, "dev": 0.25}, seed=4)
    assert other["dev"].tolist() != parts["dev"].tolist()


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ({"train": 0.5, "dev": 0.4}, "add up to 1, got 0.5, 0.4"),
        ({"train": 0.9, "dev": 0.05, "test": 0.05}, "of 2 groups of near-equal prompts"),
    ],
)
def test_a_split_that_cannot_be_made_is_an_error(shares, text):
    with pytest.raises(ExamError, match=text):
        grouped_split([0, 0, 1], shares)
