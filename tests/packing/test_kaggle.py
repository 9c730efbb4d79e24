import re

import pytest

from llmexam.errors import SettingsError
from llmexam.packing.kaggle import (
    DATASET_LICENCES,
    dataset_metadata,
    kaggle_names,
    kernel_metadata,
    limit_warnings,
)
from llmexam.packing.parts import NOT_STATED, Part

PARTS = [
    Part("wheels", "numpy", "wheels/numpy.whl", 17_000_000, "BSD-3-Clause", "2.4.6"),
    Part("weights", "reader", "weights/reader", 14_000_000_000, NOT_STATED),
]


@pytest.mark.parametrize("name", ["plan", "A very long name of a plan " * 4, "x", "Größe 7"])
def test_names_and_metadata_keep_to_the_rules_of_kaggle(name: str):
    names = kaggle_names(name, "some-one")
    dataset = dataset_metadata(names, PARTS)
    assert re.fullmatch(r"some-one/[a-z0-9-]{6,50}", dataset["id"])
    assert 6 <= len(dataset["title"]) <= 50
    assert 20 <= len(dataset["subtitle"]) <= 80
    assert [one["name"] in DATASET_LICENCES for one in dataset["licenses"]] == [True]
    assert "numpy 2.4.6: BSD-3-Clause" in dataset["description"]
    kernel = kernel_metadata(names, "notebook.ipynb", competition="exam", gpu=True)
    owner, slug = kernel["id"].split("/")
    # Kaggle derives the slug from the title.
    assert (owner, kernel["title"].lower().replace(" ", "-")) == ("some-one", slug)
    assert len(slug) <= 50
    assert (kernel["enable_internet"], kernel["enable_gpu"]) == ("false", "true")
    assert kernel["dataset_sources"] == [dataset["id"]]
    assert kernel["competition_sources"] == ["exam"]
    assert (kernel["language"], kernel["kernel_type"]) == ("python", "notebook")
    without = kernel_metadata(names, "notebook.ipynb", competition="", gpu=False)
    assert (without["competition_sources"], without["enable_gpu"]) == ([], "false")


def test_wrong_names_are_errors():
    with pytest.raises(SettingsError, match="user name of Kaggle"):
        kaggle_names("plan", "some one")
    with pytest.raises(SettingsError, match="letters or digits"):
        kaggle_names("---", None)


def test_what_exceeds_the_limits_is_told():
    warnings = " ".join(limit_warnings(PARTS))
    assert "the weights 'reader' have 14.0 GB" in warnings
    assert "13 GB of memory" in warnings
    assert "the licence of reader is not stated" in warnings
    large = [Part("indexes", "wiki", "indexes/wiki", 250_000_000_000)]
    assert limit_warnings(large) == [
        "the pack has 250 GB; Kaggle allows 200 GB in a dataset",
    ]
    assert limit_warnings(PARTS[:1]) == []
