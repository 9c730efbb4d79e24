import re

import numpy as np
import pytest

from llmexam.solvers.ranker.model import read_trees
from llmexam.solvers.ranker.trees_text import check_trees

lightgbm = pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def trees():
    random = np.random.default_rng(0)
    data = lightgbm.Dataset(random.random((200, 3)), random.random(200))
    settings = {"num_leaves": 6, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    return lightgbm.train(settings, data, 4).model_to_string()


def test_trees_of_lightgbm_are_in_order(trees):
    check_trees(trees)
    assert read_trees(trees).num_trees() == 4


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"left_child=.*", "left_child=7 7 7 7 7"),
        (r"left_child=.*", "left_child=0 0 0 0 0"),
        (r"right_child=.*", "right_child=-900 1 2 3 4"),
        (r"split_feature=\S+", "split_feature=99"),
        (r"split_feature=.*", "split_feature="),
        (r"leaf_value=.*", "leaf_value=x"),
        (r"threshold=.*", ""),
        (r"num_leaves=6", "num_leaves=60000000"),
        (r"num_leaves=6", "num_leaves=-1"),
        (r"num_cat=0", "num_cat=5"),
        (r"tree_sizes=.*", "tree_sizes=1 2 3 4"),
        (r"tree_sizes=.*", "tree_sizes=" + "9" * 30),
        (r"max_feature_idx=2", "max_feature_idx=99999999999"),
        (r"num_class=1", "num_class=1000000"),
        (r"Tree=1", "Tree=7"),
        (r"end of trees", ""),
        (r"^tree", "wood"),
    ],
)
def test_trees_that_would_end_the_process_are_refused(trees, pattern, new):
    damaged = re.sub(pattern, new, trees, count=1)
    assert damaged != trees
    with pytest.raises(ValueError, match=r"."):
        check_trees(damaged)
